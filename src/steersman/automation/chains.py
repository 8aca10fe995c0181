"""Who started whom: the runs that led to an event, so that scripts do not start each other for ever."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from steersman.kernel.ids import stable_uuid
from steersman.ledger import Event, Ledger

MOST: Final = 5
"""Runs in a row, each started by an event of the one before; what would be the next is cut off."""
_RUNS: Final = "automation.run."


def run_event_id(run_id: str, attempt: int, kind: str) -> UUID:
    """Return the id of the event of type `kind` that an attempt of a run has; 0 for what is said of the whole run."""
    return stable_uuid("automation", run_id, str(attempt), kind)


class _Named(msgspec.Struct):
    automation: str = ""


def chain(ledger: Ledger, event: Event, most: int = MOST) -> list[str]:
    """Return the automations of the last runs, `most` of them, without which `event` would not be; the earliest first.

    An event of a run, or one that its script wrote (by `emit`, by a command of ours), points to the run; a run that an
    event started points to that.
    """
    found: list[str] = []
    here: Event | None = event
    # Runs and emitted events take turns: no chain of `most` runs is longer than twice that.
    for _ in range(2 * most + 1):
        if here is None or len(found) == most:
            break
        if here.type.startswith(_RUNS):
            found.append(msgspec.json.decode(here.data, type=_Named).automation)
        here = ledger.get(here.causation_id) if here.causation_id is not None else None
    return found[::-1]


def cut_reason(names: list[str]) -> str:
    """Say why a chain ends here."""
    return f"cut off: {' -> '.join(names)} started each other by events, and {MOST} in a row are the most"
