"""How long to wait before trying again."""

from __future__ import annotations

import random

from steersman.automation.model.manifest import Automation

MAX_DELAY_S = 900.0
JITTER_RATIO = 0.25


def delay_s(automation: Automation, failed_attempt: int, seed: str) -> float:
    """Return the seconds between `failed_attempt` (1 is the first) and the next one.

    Exponential doubles `backoff_s` each time, up to a quarter of an hour. Jitter takes off up to a quarter, so that
    scripts that failed together do not come back together; it depends on `seed` and the attempt only, so a recovered
    run waits what it would have waited.
    """
    if automation.backoff == "none":
        return 0.0
    growth = 2.0 ** (failed_attempt - 1) if automation.backoff == "exponential" else 1.0
    base = min(automation.backoff_s * growth, MAX_DELAY_S)
    return base * (1 - JITTER_RATIO * random.Random(f"{seed}/{failed_attempt}").random())
