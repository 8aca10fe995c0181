"""How the contract suite gets at each channel: one file per adapter, each with `reopened(place)`."""
