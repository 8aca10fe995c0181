"""Identifiers: time-ordered UUIDs, so that a primary key costs half the writes of a random one."""

from __future__ import annotations

import hashlib
import os
import threading
from uuid import UUID

_lock = threading.Lock()
_last = 0


def uuid7(now_ns: int) -> UUID:
    """Return a version 7 UUID for the instant `now_ns` (ns since 1970 UTC), increasing within this process.

    Source: RFC 9562 section 5.7, with the sub-millisecond fraction in `rand_a` (section 6.2, method 3).
    """
    global _last  # noqa: PLW0603 - monotonicity within the process is the point
    millis, rest = divmod(now_ns, 1_000_000)
    stamp = (millis << 12) | (rest * 4096 // 1_000_000)
    with _lock:
        stamp = _last = max(stamp, _last + 1)
    value = (stamp >> 12) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64
    value |= 0x2 << 62 | int.from_bytes(os.urandom(8)) & (1 << 62) - 1
    return UUID(int=value)


def stable_uuid(*parts: str) -> UUID:
    """Return the same UUID (version 8) for the same parts: the id of an effect that must happen once.

    Parts are length-prefixed before hashing, so ("ab", "c") and ("a", "bc") differ. Source: RFC 9562 section 5.8.
    """
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode()
        digest.update(len(raw).to_bytes(4))
        digest.update(raw)
    value = int.from_bytes(digest.digest()[:16])
    value = value & ~(0xF << 76) | 0x8 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)
