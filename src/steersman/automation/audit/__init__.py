"""Scripts read, not run: what they do twice or keep in plain sight, what limits they lack, and the edit that mends it."""
