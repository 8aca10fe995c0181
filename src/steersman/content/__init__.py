"""Drafts in, checked posts out: first-pass QA and crash-safe publication."""
