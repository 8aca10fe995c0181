"""What stands behind the commons; found by entry point, imported by nobody but bootstrap."""
