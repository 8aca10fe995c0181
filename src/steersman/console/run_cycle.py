"""The cycle a run belongs to: what started together with it, what it needed, what it led to, and how each ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from steersman.automation import Manifest
from steersman.automation.events import RUN_FINISHED, RUN_SKIPPED, RUN_STARTED
from steersman.ledger import Event, Ledger

_MOST: Final = 2000


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A run of the cycle. `status` as of a run, or skipped; `why` it failed or was skipped, empty otherwise."""

    run_id: str
    automation: str
    status: str
    why: str = ""


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What a run stands between: what it `needed`, what it `led_to`, and the `others` of its cycle."""

    needed: tuple[Member, ...] = ()
    led_to: tuple[Member, ...] = ()
    others: tuple[Member, ...] = ()


def around(ledger: Ledger, manifest: Manifest, run_id: str, automation: str) -> Around:
    """Read the cycle of a run, told apart by what the manifest in force says about needs."""
    first = next(iter(ledger.read(stream=f"run/{run_id}", limit=1)), None)
    if first is None or first.correlation_id is None:
        return Around()
    read = ledger.read(correlation_id=first.correlation_id, types=("automation.run.*",), limit=_MOST)
    found = [member for member in _members(read) if member.run_id != run_id]
    declared = manifest.get(automation)
    needs = declared.needs if declared is not None else ()
    after = manifest.dependants(automation)
    return Around(
        needed=tuple(m for m in found if m.automation in needs),
        led_to=tuple(m for m in found if m.automation in after),
        others=tuple(m for m in found if m.automation not in needs and m.automation not in after),
    )


def _members(events: Iterable[Event]) -> list[Member]:
    found: dict[str, Member] = {}
    for event in events:
        if event.type not in (RUN_STARTED, RUN_FINISHED, RUN_SKIPPED):
            continue
        said: dict[str, Any] = msgspec.json.decode(event.data)
        run_id = said.get("run_id") or ""
        if run_id:
            status, why = _state(event.type, said)
            found[run_id] = Member(run_id=run_id, automation=said["automation"], status=status, why=why)
    return list(found.values())


def _state(kind: str, said: dict[str, Any]) -> tuple[str, str]:
    if kind == RUN_STARTED:
        return "running", ""
    if kind == RUN_SKIPPED:
        return "skipped", said["reason"]
    return ("retrying" if said["will_retry"] else said["status"]), said["error"]
