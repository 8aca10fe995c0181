"""When a token is fresh, due or over, and how long to leave a failing provider alone. Pure functions."""

from __future__ import annotations

import math
from typing import Final, Literal

from steersman.services.credentials.provider import Token

State = Literal["fresh", "due", "over"]
LONGEST_LIFE_S: Final = 86_400.0
"""No token is trusted for longer than a day without asking again, whatever its provider says."""
_MARGIN_S: Final = 60.0
_JITTER_RATIO: Final = 0.1
_GUARD_RATIO: Final = 0.1
_LONGEST_GUARD_S: Final = 2.0
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 300.0
LONGEST_RETRY_AFTER_S: Final = 3600.0


def life_s(said: object, *, assumed_s: float) -> tuple[float, str]:
    """Return the seconds a token lives, and what was odd about the answer (empty: nothing).

    Args:
        said: `expires_in` of RFC 6749 section 5.1 as it was decoded; providers send text, nothing, or nonsense.
        assumed_s: taken where the provider does not say anything that can be believed.
    """
    if said is None:
        return assumed_s, f"it did not say how long its token lives; {assumed_s:g} s are assumed"
    found = _number(said)
    if found is None or found <= 0:
        return assumed_s, f"it said something impossible about its token's life; {assumed_s:g} s are assumed"
    if found > LONGEST_LIFE_S:
        return LONGEST_LIFE_S, ""
    return found, ""


def _number(said: object) -> float | None:
    if isinstance(said, bool) or not isinstance(said, (int, float, str)):
        return None
    if isinstance(said, str) and len(said) > 20:
        return None
    try:
        found = float(said)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def due_after_s(life: float, jitter: float) -> float:
    """Return the age in seconds from which a token of `life` seconds is fetched anew: before that it is fresh.

    At 80% of its life or 60 s before its end, whichever is earlier, but never in the first half of its life
    ("60 s before the end" of a token of two seconds would be always). `jitter` in 0..1 takes off up to a tenth, so that
    not everything that was fetched together is due together.
    """
    base = max(min(0.8 * life, life - _MARGIN_S), 0.5 * life)
    return base * (1 - _JITTER_RATIO * jitter)


def jitter_of(token_id: str) -> float:
    """Return the jitter (0..1) of a token: the same in every process, so all agree on when it is due."""
    return int(token_id[:4], 16) / 0xFFFF


def age_s(token: Token, *, now_ns: int, elapsed_ns: int, boot: str) -> float:
    """Return how old a token is in seconds; infinite if that cannot be known.

    Within one boot the clock that never jumps counts: whoever sets the wall clock makes no token younger or older.
    """
    if boot and token.boot == boot:
        age = (elapsed_ns - token.obtained_elapsed_ns) / 1e9
    else:
        age = (now_ns - token.obtained_at) / 1e9
    return age if age >= 0 else math.inf


def left_s(token: Token, age: float) -> float:
    """Return the seconds for which a token may still be handed out; 0 when it is over.

    What is left must be enough for a request to arrive: the last tenth of its life (2 s at most) is not handed out.
    """
    guard = min(_LONGEST_GUARD_S, _GUARD_RATIO * token.life_s)
    left = token.life_s - age
    return left if left > guard else 0.0


def judge(token: Token, age: float) -> State:
    """Say whether a token of that age (seconds) is fresh, due to be fetched anew, or over."""
    if left_s(token, age) <= 0:
        return "over"
    return "due" if age >= due_after_s(token.life_s, jitter_of(token.token_id)) else "fresh"


def pause_s(failures: int, jitter: float, *, retry_after_s: float | None = None) -> float:
    """Return the seconds to leave a provider alone after its `failures`th failure in a row (from 1).

    Doubles from 1 s to 5 min, less up to half by `jitter` (0..1); never shorter than the provider asked for
    (`Retry-After`), of which up to an hour is believed.
    """
    doubled = min(_FIRST_PAUSE_S * 2.0 ** min(max(failures, 1) - 1, 20), _LONGEST_PAUSE_S)
    pause = doubled * (1 - 0.5 * jitter)
    return max(pause, min(retry_after_s or 0.0, LONGEST_RETRY_AFTER_S))
