"""The event that started a run, as its script finds it: one file in the run's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from steersman.automation.model.cycle import event_of, events_of
from steersman.kernel.errors import Misconfigured
from steersman.ledger import Ledger
from steersman.ledger.export import cloud_event

NAME: Final = "event.json"


class _Told(msgspec.Struct):
    type: str
    pos: int


def event_told(folder: Path) -> str:
    """Return which event the run in `folder` was told, in words; empty if none, or if that was cleared away."""
    try:
        found = msgspec.json.decode((folder / NAME).read_bytes(), type=_Told)
    except (OSError, msgspec.DecodeError):
        return ""
    return f"event {found.pos}, {found.type}"


def told(ledger: Ledger, cycle: str, folder: Path) -> dict[str, str]:
    """Write the event that started `cycle` into `folder` and return the environment that says where; empty if none did.

    The file is a CloudEvent, as `steersman ledger export` writes it. Each attempt finds the same one.

    Raises:
        Misconfigured: the ledger has no such event: the cycle was asked for by somebody who made its name up.
        OSError: the file cannot be written.
    """
    event_id = event_of(cycle)
    if event_id is None:
        return {}
    path = folder / NAME
    if not path.exists():
        event = ledger.get(event_id)
        if event is None:
            raise Misconfigured(
                f"the event {event_id} that should have started it is not in the ledger",
                fix="start it by an event of this workspace, or by hand: steersman auto run",
            )
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(cloud_event(event)) + b"\n")
        fresh.replace(path)
    return {"STEERSMAN_EVENT": str(path), "STEERSMAN_EVENTS": str(events_of(cycle))}
