"""Numbers of things, as people say them."""

from __future__ import annotations


def counted(n: int, one: str, many: str = "") -> str:
    """Return `1 run`, `3 runs`, `1,200 runs`; `many` where an s does not make the plural."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
