"""Which types of events there are, and what their data says: read from the modules that declare them.

A module `events` declares each type as a text constant (`RUN_FINISHED = "automation.run.finished"`), and what its data
is as a struct of the same name (`RunFinished`), or of its end (`Finished`). A type whose struct is called otherwise has
fields nobody knows here.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

import steersman

_TYPE: Final = re.compile(r"[a-z]+(\.[a-z_]+)+")
_ELSEWHERE: Final = ("policy/approvals.py", "ledger/adapters/sqlite/ledger.py")
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


class EventTypes(Mapping[str, frozenset[str] | None]):
    """Type -> the fields of its data, None where they are not known. One type is looked up without importing all."""

    def __getitem__(self, kind: str) -> frozenset[str] | None:
        for name, path in _modules():
            if (name in sys.modules or f'"{kind}"' in path.read_text(encoding="utf-8")) and kind in _declared(name):
                return _declared(name)[kind]
        raise KeyError(kind)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({kind for name, _ in _modules() for kind in _declared(name)}))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@cache
def event_types() -> EventTypes:
    """Return every type of event that Steersman writes itself."""
    return EventTypes()


@cache
def _modules() -> tuple[tuple[str, Path], ...]:
    """Return the modules that declare events, with their files."""
    root = Path(steersman.__file__).parent
    elsewhere = [root / path for path in _ELSEWHERE]
    found = [p for p in sorted((*root.rglob("events.py"), *root.rglob("events/*.py"))) if "adapters" not in p.parts]
    parts = [(".".join(("steersman", *p.relative_to(root).with_suffix("").parts)), p) for p in (*found, *elsewhere)]
    return tuple((name, path) for name, path in parts if path.stem != "__init__")


@cache
def _declared(module: str) -> Mapping[str, frozenset[str] | None]:
    names = vars(importlib.import_module(module))
    return {
        value: _fields_of(value, constant, names)
        for constant, value in names.items()
        if constant.isupper() and isinstance(value, str) and _TYPE.fullmatch(value)
    }


def _fields_of(value: str, constant: str, declared: Mapping[str, object]) -> frozenset[str] | None:
    """Return the fields of the struct that a constant means: of its whole name, or of the end of it."""
    words = constant.title().split("_")
    for name in (_STRUCTS.get(value, ""), *("".join(words[first:]) for first in range(len(words)))):
        struct = declared.get(name)
        if isinstance(struct, type) and issubclass(struct, msgspec.Struct):
            return frozenset(field.encode_name for field in msgspec.structs.fields(struct))
    return None
