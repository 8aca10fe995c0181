"""One look at the server: everything `status()` tells is asked here."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Final

from steersman.automation.adapters.prefect.api import PrefectApi
from steersman.automation.adapters.prefect.facts import Look
from steersman.automation.adapters.prefect.orphans import instant_ns, orphaned, read_markers
from steersman.automation.adapters.prefect.plan import CANARY, Place
from steersman.kernel.errors import SteersmanError

ACTIVE: Final = ("PENDING", "RUNNING", "CANCELLING")
_TIMEOUT_S: Final = 30.0
_VERSIONS: Final = """
import importlib.metadata as m, json
found = {}
for name in ("prefect", "fastapi", "sqlalchemy"):
    try: found[name] = m.version(name)
    except m.PackageNotFoundError: pass
print(json.dumps(found))
"""


def look_at(api: PrefectApi, place: Place, now_ns: int, *, since_ns: int | None, declared: str | None) -> Look:
    """Ask the server for everything an operator should know; what it does not answer is told by `problem`.

    Args:
        since_ns: since when this process follows the schedules; None: it does not.
        declared: digest of the manifest in force here.
    """
    versions = installed(place.python) if place.python is not None else None
    try:
        if not api.is_healthy():
            return Look(url=api.url, problem=f"{api.url} says it is not healthy", fix="look into the server's log",
                        versions=versions)  # fmt: skip
        return _look(api, place, now_ns, since_ns, declared, versions)
    except SteersmanError as exc:
        return Look(url=api.url, problem=exc.message, fix=exc.fix, versions=versions)


def installed(python: Path) -> dict[str, str]:
    """Return the versions of Prefect and of what it is sensitive to; empty if that Python cannot be asked."""
    try:
        done = subprocess.run([str(python), "-Ic", _VERSIONS], capture_output=True, timeout=_TIMEOUT_S, check=False)
        return dict(json.loads(done.stdout))
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return {}


def active_runs(api: PrefectApi, place: Place) -> list[dict[str, Any]]:
    """Return our flow runs that Prefect believes somebody carries out; the canary's last a moment and are left out."""
    where = {"tags": {"all_": [place.tag]}, "state": {"type": {"any_": list(ACTIVE)}}}
    return [run for run in api.flow_runs(where) if run.get("work_queue_name") == place.queue]


def _look(
    api: PrefectApi,
    place: Place,
    now_ns: int,
    since_ns: int | None,
    declared: str | None,
    versions: dict[str, str] | None,
) -> Look:
    pool = api.pool(place.pool)
    workers = {str(w["name"]): w["status"] for w in (api.workers(place.pool) if pool else ())}
    found = api.deployments(place.tag)
    canary = next((d for d in found if d["name"] == CANARY), None)
    there_ns = max(instant_ns(canary["created"]), since_ns or 0) if canary else now_ns
    sang = last_canary_ns(api, canary["id"]) if canary else None
    active = active_runs(api, place)
    why = orphaned(active, read_markers(place.root / ".steersman" / "runs"), now_ns)
    return Look(
        url=api.url,
        server=api.version(),
        versions=versions,
        pool_name=place.pool,
        pool=_pool_state(pool),
        online=tuple(name for name, status in workers.items() if status == "ONLINE"),
        offline=tuple(name for name, status in workers.items() if status != "ONLINE"),
        deployed=canary["version"] if canary else None,
        declared=declared,
        deployments=len(found),
        late=api.count({"tags": {"all_": [place.tag]}, "state": {"name": {"any_": ["Late"]}}}),
        canary_s=None if sang is None else (now_ns - sang) / 1e9,
        canary_due_s=(now_ns - there_ns) / 1e9,
        orphans={str(run["name"]): why[str(run["id"])] for run in active if str(run["id"]) in why},
    )


def last_canary_ns(api: PrefectApi, deployment: str) -> int | None:
    """Return when a scheduled flow run of the canary last completed, ns since 1970 UTC; None if none ever did."""
    where = {"deployment_id": {"any_": [deployment]}, "state": {"type": {"any_": ["COMPLETED"]}}}
    runs = [run for run in api.flow_runs(where, sort="END_TIME_DESC", limit=5) if run["auto_scheduled"]]
    return instant_ns(runs[0]["end_time"]) if runs else None


def _pool_state(pool: dict[str, Any] | None) -> str:
    if pool is None:
        return "missing"
    if pool["is_paused"]:
        return "paused"
    return "ready" if pool["type"] == "process" else f"of type {pool['type']}"
