"""Names for values that a reference holds, to notice when somebody put another one there."""

from __future__ import annotations

import hashlib


def seed_id(value: str) -> str:
    """Return a name of `value`; it is kept sealed, next to what it names, so a plain digest does."""
    return hashlib.sha256(b"steersman seed\0" + value.encode()).hexdigest()[:32]
