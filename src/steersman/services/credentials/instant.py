"""One reading of both clocks, and which boot of the machine the second one counts in."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from steersman.kernel.clock import Clock

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Instant(msgspec.Struct, frozen=True, kw_only=True):
    """Now: ns since 1970 UTC, ns on the clock that never jumps, and the boot that clock belongs to (empty: unknown)."""

    now_ns: int
    elapsed_ns: int
    boot: str


def instant(clock: Clock) -> Instant:
    """Read both clocks."""
    return Instant(now_ns=clock.now_ns(), elapsed_ns=clock.elapsed_ns(), boot=_boot_id())


@cache
def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        # Without one, elapsed time of two processes cannot be compared: the wall clock has to do.
        return ""
