"""The proof that nothing acknowledged is lost: `steersman doctor --crash N`."""

from __future__ import annotations

from collections.abc import Callable

from steersman.ledger.adapters.sqlite.powerloss import CrashReport, prove


def crash(images: int, *, seed: int, on_progress: Callable[[str], None]) -> CrashReport:
    """Cut the power of a simulated disk `images` times in each of three ways; the same seed makes the same cuts."""
    return prove(images, seed=seed, on_progress=on_progress)
