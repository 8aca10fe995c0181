"""How sure a measured share or rate is."""

from __future__ import annotations

import math
from typing import Final

_Z: Final = 1.959964  # 95%


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Return the 95% interval of a share of which `hits` of `of` were seen; 0 to 1 if nothing was.

    Source: Wilson 1927, the score interval: right also near 0 and 1 and for small counts.
    """
    if not of:
        return 0.0, 1.0
    share, z2 = hits / of, _Z * _Z
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    return max(0.0, middle - half), min(1.0, middle + half)


def rate(count: int) -> tuple[float, float]:
    """Return the 95% interval of a Poisson count.

    Source: Byar's approximation, Breslow and Day 1987 (IARC 82), eq. 2.13.
    """
    more = count + 1
    high = more * (1 - 1 / (9 * more) + _Z / (3 * math.sqrt(more))) ** 3
    if not count:
        return 0.0, high
    return count * (1 - 1 / (9 * count) - _Z / (3 * math.sqrt(count))) ** 3, high
