"""The share of posts whose slot is drawn, and with which probability each slot was given: chance one can redo.

Draws come from the seed, the post's key and the slot's time on the wall, not from a stream of random numbers: asking
twice, asking about more posts, or asking a day later gives the same draw wherever the slot drawn is still free.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from steersman.content.slots.model import Slot


def is_drawn(seed: int, key: str, ratio: float) -> bool:
    """Whether the slot of the post `key` is left to chance; true for a share `ratio` of all keys."""
    return _unit(f"{seed}\0{key}\0coin") < ratio


def drawn(seed: int, key: str, free: Sequence[Slot], attempt: int = 0) -> int:
    """Return the index of one of the `free` slots, each as likely.

    The slot with the smallest hash: when others cease to be free the draw stays (rendezvous hashing; Thaler and
    Ravishankar, 1998).
    """
    return min(range(len(free)), key=lambda index: _unit(f"{seed}\0{key}\0{attempt}\0{free[index].wall}"))


def propensity(ratio: float, free: int, *, at_best: bool) -> float:
    """Return the probability with which a slot was given: a draw among `free` at `ratio`, else the best one."""
    return ratio / free + (1 - ratio if at_best else 0.0)


def _unit(text: str) -> float:
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
