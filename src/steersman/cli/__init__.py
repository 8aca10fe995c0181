"""The command line: one file per noun, imported only when its noun is typed."""

from steersman.cli.main import main

__all__ = ["main"]
