"""One thing that `steersman doctor` looked at."""

from __future__ import annotations

from typing import Literal

import msgspec

Level = Literal["ok", "warn", "fail"]


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at. `fix` is empty when it is well."""

    name: str
    level: Level
    found: str
    fix: str = ""
