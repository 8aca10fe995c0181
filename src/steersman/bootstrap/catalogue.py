"""Which types of events there are, and what their data says: read from the modules that declare them.

A module `events` declares each type as a text constant (`RUN_FINISHED = "automation.run.finished"`), and what its data
is as a struct of the same name (`RunFinished`), or of its end (`Finished`). A type whose struct is called otherwise has
fields nobody knows here.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

import steersman

_TYPE: Final = re.compile(r"[a-z]+(\.[a-z_]+)+")
_ELSEWHERE: Final = ("steersman.policy.approvals", "steersman.ledger.adapters.sqlite.ledger")
_STRUCTS: Final = {
    "policy.version.activated": "PolicyActivated",
    "kernel.core.started": "ProcessStarted",
    "kernel.desk.started": "ProcessStarted",
    "automation.engine.unavailable": "EngineSaid",
    "automation.engine.ready": "EngineSaid",
    **dict.fromkeys(
        (f"trading.order.{how}" for how in ("rejected", "cancelled", "expired", "unknown", "cancel_refused")),
        "OrderEnded",
    ),
}
"""Where the struct has another name than the constant."""


@cache
def event_types() -> Mapping[str, frozenset[str] | None]:
    """Return every type of event that Steersman writes itself, with the fields of its data; None: not known."""
    found: dict[str, frozenset[str] | None] = {}
    for name in _modules():
        declared = vars(importlib.import_module(name))
        for constant, value in declared.items():
            if constant.isupper() and isinstance(value, str) and _TYPE.fullmatch(value):
                found[value] = _fields_of(value, constant, declared) or found.get(value)
    return dict(sorted(found.items()))


def _modules() -> Iterator[str]:
    root = Path(steersman.__file__).parent
    for path in sorted((*root.rglob("events.py"), *root.rglob("events/*.py"))):
        inside = path.relative_to(root).with_suffix("").parts
        if "adapters" not in inside and inside[-1] != "__init__":
            yield ".".join(("steersman", *inside))
    yield from _ELSEWHERE


def _fields_of(value: str, constant: str, declared: Mapping[str, object]) -> frozenset[str] | None:
    """Return the fields of the struct that a constant means: of its whole name, or of the end of it."""
    words = constant.title().split("_")
    for name in (_STRUCTS.get(value, ""), *("".join(words[first:]) for first in range(len(words)))):
        struct = declared.get(name)
        if isinstance(struct, type) and issubclass(struct, msgspec.Struct):
            return frozenset(field.encode_name for field in msgspec.structs.fields(struct))
    return None
