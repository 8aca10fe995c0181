"""How old is too old: every decision about age, as functions of their arguments.

Sources: RFC 9111 section 4.2 (fresh until its lifetime is over), RFC 5861 (stale-while-revalidate, stale-if-error, both
counted from the end of the lifetime).
"""

from __future__ import annotations

import random
from typing import Final, Literal

import msgspec

Step = Literal["fresh", "stale", "ask", "stale_on_error", "refuse"]
_SKEW_S: Final = 2.0
_FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 300.0


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How long data is good, in seconds; `max_age_s` is what the asker allows on top, None: nothing further."""

    ttl_s: float
    stale_while_revalidate_s: float = 0.0
    stale_if_error_s: float = 0.0
    max_age_s: float | None = None


def decide(age_s: float | None, terms: Terms, *, must_wait: bool) -> Step:
    """Say what to do for one who asks.

    Args:
        age_s: seconds since upstream last said so; None: there is nothing to serve.
        must_wait: upstream failed a moment ago and may not be asked yet.

    Returns:
        fresh: serve. stale: serve, and refresh behind (not while `must_wait`). ask: ask upstream. stale_on_error: serve
        although upstream fails. refuse: upstream may not be asked and nothing may be served.
    """
    if age_s is None or not is_known(age_s):
        return "refuse" if must_wait else "ask"
    age_s = max(age_s, 0.0)
    allowed = terms.max_age_s is None or (terms.max_age_s > 0 and age_s <= terms.max_age_s)
    if allowed and age_s < terms.ttl_s:
        return "fresh"
    if allowed and age_s < terms.ttl_s + terms.stale_while_revalidate_s:
        return "stale"
    if not must_wait:
        return "ask"
    return "stale_on_error" if may_stand_in(age_s, terms) else "refuse"


def may_stand_in(age_s: float | None, terms: Terms) -> bool:
    """Say whether data of that age may be served although upstream fails."""
    if age_s is None or not is_known(age_s):
        return False
    within = terms.max_age_s is None or (terms.max_age_s > 0 and age_s <= terms.max_age_s)
    return within and age_s < terms.ttl_s + terms.stale_if_error_s


def is_known(age_s: float) -> bool:
    """Say whether an age means anything: the clock may have been set back since, and then nobody knows."""
    return age_s >= -_SKEW_S


def pause_s(failures: int, roll: float) -> float:
    """Return how long upstream is left alone after its `failures`-th failure in a row: 1 s, 2 s, 4 s ... 300 s.

    `roll` in 0..1 takes up to half of it away, so that those who failed together do not come back together.
    """
    whole = min(LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(max(failures - 1, 0), 16))
    return whole * (1.0 - roll / 2.0)


def rolled() -> float:
    """Return the next `roll`."""
    return random.random()
