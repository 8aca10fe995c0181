"""Scripts read, not run: what they do twice or show to all, the limits they lack, and the edit that mends it."""
