"""Why a file is no draft: what was found, what is allowed, and on which line."""

from __future__ import annotations

from typing import Final

from steersman.kernel.errors import Rejected

_LONGEST: Final = 60


class DraftUnreadable(Rejected):
    """The file is no draft. `reason` says what was found and what is allowed, `line` where (None: the whole file)."""

    def __init__(self, name: str, reason: str, *, line: int | None, fix: str) -> None:
        super().__init__(f"{name}:{line}: {reason}" if line else f"{name}: {reason}", fix=fix)
        self.name = name
        self.reason = reason
        self.line = line


def shown(value: object) -> str:
    """Return `value` as a message quotes it: short, on one line."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write integers of more than 4,300 digits
        text = "a very large number"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
