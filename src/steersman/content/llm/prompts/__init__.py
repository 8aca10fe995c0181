"""Instructions for models; each file's content is its version."""
