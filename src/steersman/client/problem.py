"""What a script is told when something did not work."""

from __future__ import annotations


class Problem(Exception):
    """Something a script could not be given.

    Attributes:
        message: what happened.
        fix: what to do about it; may be empty.
        kind: Rejected (a rule said no, trying again is useless), Unavailable (may work later), Misconfigured (something
            must be changed first), Conflict, or Misused (the call itself is wrong).
    """

    def __init__(self, message: str, *, fix: str = "", kind: str = "Unavailable") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.kind = kind

    def __str__(self) -> str:
        return f"{self.message}\n  fix: {self.fix}" if self.fix else self.message
