"""Record keys: the same one for the same post for ever, so that writing twice is writing once.

Source: atproto.com/specs/tid: 64 bits, the highest 0, then 53 bits of microseconds since 1970, then 10 bits that keep
writers apart; thirteen digits of a base32 whose order is that of the numbers.
"""

from __future__ import annotations

import hashlib
from typing import Final

_DIGITS: Final = "234567abcdefghijklmnopqrstuvwxyz"
_LENGTH: Final = 13
_CLOCK_BITS: Final = 10
_MICROS_BITS: Final = 53
_SECOND_US: Final = 1_000_000


def record_key(key: str, at: int) -> str:
    """Return the TID of the post `key`, first planned `at` (ns since 1970 UTC, >= 0).

    Posts are planned for whole minutes, and ten bits would make two of a thousand meet there. So the part below a
    second comes from the key too: one chance in 10^9 for two posts of the same second. What a reader sees is
    `createdAt`, which stays exact.
    """
    drawn = int.from_bytes(hashlib.sha256(f"{at}\n{key}".encode()).digest()[:8])
    micros = (at // 1_000_000_000 * _SECOND_US + (drawn >> _CLOCK_BITS) % _SECOND_US) % (1 << _MICROS_BITS)
    number = micros << _CLOCK_BITS | drawn % (1 << _CLOCK_BITS)
    return "".join(_DIGITS[number >> 5 * place & 31] for place in reversed(range(_LENGTH)))
