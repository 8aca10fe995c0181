"""The first pass over a draft: engines, author vocabulary, suppression, tiers, and how findings leave."""
