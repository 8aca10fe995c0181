"""The ways a person logs in: in a browser on this machine, or on another device."""
