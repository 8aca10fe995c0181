"""What a Prefect server should hold for a manifest, and what has to change there. Pure.

A deployment per automation, so that each has its page and its button. Automations with the same schedule start
together, as one cycle: the schedule stands at the first of them.
"""

from __future__ import annotations

import hashlib
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from steersman.automation.adapters.prefect.cron import lines_for_prefect
from steersman.automation.graph import when
from steersman.automation.model.manifest import Automation, Catchup, Manifest, plan_cycle
from steersman.automation.model.outcome import Cause

FLOWS: Final = Path(__file__).parent / "flows"
CANARY: Final = "steersman.canary"
BY_REQUEST: Final = "steersman.by-request"
CANARY_QUEUE: Final = "canary"
CANARY_CRON: Final = "* * * * *"
OVERWRITTEN: Final = "Declared in steersman.toml; what is changed here is undone by the next deployment."
_COMPARED: Final = ("paused", "parameters", "tags", "entrypoint", "job_variables", "description", "work_pool_name",
                    "work_queue_name", "version")  # fmt: skip
_WORDS: Final = {"job_variables": "command", "work_pool_name": "pool", "work_queue_name": "queue"}

Json = dict[str, Any]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a workspace's flow runs are carried out.

    Attributes:
        root: the workspace.
        python: Prefect's interpreter; None: that of whoever runs the worker.
        own_python: the interpreter Steersman runs in.
        processes: automations at once within a flow run.
    """

    root: Path
    pool: str
    python: Path | None
    own_python: str = sys.executable
    processes: int

    @property
    def digest(self) -> str:
        """Return what tells this workspace from others on the same server."""
        return hashlib.sha256(str(self.root).encode()).hexdigest()[:10]

    @property
    def tag(self) -> str:
        """Return the tag of all that is ours; nothing without it is ever touched."""
        return f"steersman:{self.digest}"

    @property
    def flow(self) -> str:
        """Return the flow our deployments belong to."""
        return f"{self.root.name or 'desk'}-{self.digest}"

    @property
    def queue(self) -> str:
        """Return the work queue that bounds how many of our flow runs there are at once."""
        return f"steersman-{self.digest}"


class Differences(msgspec.Struct, frozen=True, kw_only=True):
    """What to do on the server: bodies to set, ids to delete, each with words by name."""

    created: dict[str, str]
    updated: dict[str, str]
    removed: dict[str, str]
    unchanged: tuple[str, ...]
    bodies: tuple[Json, ...]
    delete: tuple[str, ...]


def cycle_parameters(
    place: Place,
    manifest: Manifest,
    names: Sequence[str],
    roots: Iterable[str],
    *,
    cause: Cause,
    cycle: str = "",
    at: int = 0,
    params: Mapping[str, str] | None = None,
    anyway: bool = False,
    catchup: Catchup = "all",
) -> Json:
    """Return the parameters of flows/cycle.py for a cycle of `names`; what they mean stands there."""
    inside = set(names)
    return {
        "root": str(place.root),
        "command": [place.own_python, "-m", "steersman.cli"],
        "members": [{"name": n, "needs": [need for need in manifest[n].needs if need in inside]} for n in names],
        "roots": list(roots),
        "cause": cause,
        "cycle": cycle,
        "at": str(at),
        "params": dict(params or {}),
        "anyway": anyway,
        "catchup": catchup,
        "processes": place.processes,
    }


def wanted(place: Place, manifest: Manifest, now_ns: int) -> list[Json]:
    """Return every deployment that `manifest` asks for, the canary last: its version says that the rest is there."""
    groups = _groups(manifest)
    found = [_automation(place, manifest, automation, groups, now_ns) for automation in manifest]
    return [*found, by_request(place), _canary(place, manifest)]


def by_request(place: Place) -> Json:
    """Return the deployment that cycles are started from which no schedule starts; their parameters come with them."""
    body = _deployment(place, BY_REQUEST, {}, "Runs asked for by hand or by an event.")
    return {**body, "description": f"Runs asked for by hand or by an event. {OVERWRITTEN}"}


def differences(wanted: Sequence[Json], found: Sequence[Json]) -> Differences:
    """Compare deployments as they should be with those of ours that are there."""
    there = {str(one["name"]): one for one in found}
    names = {str(one["name"]) for one in wanted}
    created, updated, unchanged, bodies = {}, {}, [], []
    for body in wanted:
        name = str(body["name"])
        changed = _changed(body, there[name]) if name in there else []
        if name not in there:
            created[name] = _schedule_words(body)
        elif changed:
            updated[name] = ", ".join(changed)
        else:
            unchanged.append(name)
            continue
        bodies.append(body)
    gone = {name: one for name, one in there.items() if name not in names}
    return Differences(
        created=created,
        updated=updated,
        removed=dict.fromkeys(gone, "no longer declared"),
        unchanged=tuple(unchanged),
        bodies=tuple(bodies),
        delete=tuple(str(one["id"]) for one in gone.values()),
    )


def split_followers(manifest: Manifest) -> dict[str, tuple[str, ...]]:
    """Return who only follows what it needs, but needs what different schedules start; with those it needs.

    On a server each schedule starts a cycle of its own, so such an automation would never start.
    """
    groups = [plan_cycle(manifest, roots, dependants=True) for roots in _groups(manifest).values()]
    started = {name for names in groups for name in names}
    return {
        a.name: a.needs
        for a in manifest
        if a.needs and not a.schedule and not a.on and a.enabled and a.name not in started and started >= set(a.needs)
    }


def _groups(manifest: Manifest) -> dict[tuple[str, str, Catchup], list[str]]:
    """Return the names that start together, by what starts them."""
    groups: dict[tuple[str, str, Catchup], list[str]] = {}
    for a in manifest:
        if a.schedule is not None and a.enabled:
            groups.setdefault((a.schedule, a.tz, a.catchup), []).append(a.name)
    return groups


def _automation(
    place: Place,
    manifest: Manifest,
    automation: Automation,
    groups: Mapping[tuple[str, str, Catchup], list[str]],
    now_ns: int,
) -> Json:
    """Return the deployment of one automation: what its button starts, and its group's schedule if it is the first."""
    name = automation.name
    by_hand = cycle_parameters(place, manifest, plan_cycle(manifest, [name]), [name], cause="manual")
    group = groups.get((automation.schedule or "", automation.tz, automation.catchup), [])
    together = group if name in group else []
    starts = when(automation)
    if together and together[0] != name:
        starts += f", together with {together[0]}, where the schedule stands"
    body = _deployment(place, name, by_hand, f"Starts: {starts}.")
    body["paused"] = not automation.enabled
    if together and together[0] == name and automation.schedule is not None:
        names = plan_cycle(manifest, together, dependants=True)
        parameters = cycle_parameters(place, manifest, names, together, cause="schedule", catchup=automation.catchup)
        lines = lines_for_prefect(automation, now_ns)
        body["schedules"] = [_schedule(cron, tz, parameters, number) for number, (cron, tz) in enumerate(lines, 1)]
    return body


def _deployment(place: Place, name: str, parameters: Json, what: str) -> Json:
    variables: Json = {"working_dir": str(FLOWS), "stream_output": True}
    if place.python is not None:
        # Naming the command spares Prefect a process of its own that works out how to start ours: 2 s per flow run (m).
        variables["command"] = shlex.join([str(place.python), "-m", "prefect.engine"])
    return {
        "name": name,
        "description": f"{what} {OVERWRITTEN}",
        "entrypoint": f"{FLOWS / 'cycle.py'}:cycle",
        "work_pool_name": place.pool,
        "work_queue_name": place.queue,
        "job_variables": variables,
        "parameters": parameters,
        "enforce_parameter_schema": False,
        "tags": [place.tag],
        "paused": False,
        "version": None,
        "schedules": [],
    }


def _canary(place: Place, manifest: Manifest) -> Json:
    body = _deployment(place, CANARY, {}, "Shows each minute that schedules fire.")
    command = shlex.join([place.own_python, "-IS", str(FLOWS / "canary.py")])
    return {
        **body,
        "version": manifest.digest(),
        "work_queue_name": CANARY_QUEUE,
        "job_variables": {"working_dir": str(FLOWS), "stream_output": True, "command": command},
        "schedules": [_schedule(CANARY_CRON, "UTC", {})],
    }


def _schedule(cron: str, tz: str, parameters: Json, number: int = 1) -> Json:
    schedule = {"cron": cron, "timezone": tz, "day_or": True}
    slug = "steersman" if number == 1 else f"steersman-{number}"
    return {"schedule": schedule, "active": True, "parameters": parameters, "slug": slug}


def _changed(body: Json, there: Json) -> list[str]:
    """Say in words what differs between a deployment as wanted and as it is."""
    words = [_WORDS.get(f, f) for f in _COMPARED if body[f] != there.get(f)]
    before, after = _schedules(there), _schedules(body)
    if before != after:
        words.insert(0, f"schedule {_drawn(before)} -> {_drawn(after)}" if _drawn(before) != _drawn(after) else "cycle")
    return words


def _schedules(body: Json) -> list[Json]:
    """Return the schedules without what the server adds to them."""
    kept = ("active", "parameters", "slug")
    # The server returns them in any order.
    found = sorted(body.get("schedules") or [], key=lambda s: str(s.get("slug")))
    return [
        {**{k: s.get(k) for k in kept}, "cron": s["schedule"].get("cron"), "tz": s["schedule"].get("timezone")}
        for s in found
    ]


def _drawn(schedules: list[Json]) -> str:
    return " and ".join(f"{s['cron']} {s['tz']}" + ("" if s["active"] else " (off)") for s in schedules) or "none"


def _schedule_words(body: Json) -> str:
    drawn = _drawn(_schedules(body))
    return "no schedule of its own" if drawn == "none" else f"schedule {drawn}"
