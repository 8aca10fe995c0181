"""Drafts out, each exactly once; what a channel is shown, and when."""
