"""Scripts read, not run: what they do twice, keep in plain sight, or do without a limit; and the edit that removes it."""
