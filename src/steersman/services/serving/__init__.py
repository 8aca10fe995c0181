"""The services behind a unix socket: what the desk's process offers to every script of the workspace."""
