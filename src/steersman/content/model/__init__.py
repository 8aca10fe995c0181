"""Drafts and findings as values: parsing, masking, suppression, merging. No I/O."""
