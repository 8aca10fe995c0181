"""Our corner of a Prefect server: pool, queues, deployments, flow runs that nobody carries out, the canary's trail."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from steersman.automation.adapters.prefect.api import PrefectApi
from steersman.automation.adapters.prefect.cron import strays
from steersman.automation.adapters.prefect.look import active_runs
from steersman.automation.adapters.prefect.orphans import forget, orphaned, read_markers
from steersman.automation.adapters.prefect.plan import (
    BY_REQUEST,
    CANARY,
    CANARY_QUEUE,
    Place,
    by_request,
    differences,
    split_followers,
    wanted,
)
from steersman.automation.model.manifest import Manifest
from steersman.automation.ports import Deployed
from steersman.kernel.clock import utc

_VARIABLES: Final = ("command", "env", "working_dir", "stream_output", "name", "labels")
_CANARY_KEPT: Final = timedelta(hours=1)
# What a process worker reads from a pool. Prefect would fill it in itself, but only once a worker has started.
POOL: Final[dict[str, Any]] = {
    "type": "process",
    "description": "Made by Steersman: its workers run on the machine of the workspace.",
    "base_job_template": {
        "job_configuration": {name: f"{{{{ {name} }}}}" for name in _VARIABLES},
        "variables": {
            "type": "object",
            "properties": {
                "command": {"type": "string"},
                "env": {"type": "object", "additionalProperties": {"type": "string"}},
                "working_dir": {"type": "string"},
                "stream_output": {"type": "boolean", "default": True},
                "name": {"type": "string"},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        },
    },
}


class Corner:
    """What belongs to one workspace on a server; nothing else is touched."""

    def __init__(self, api: PrefectApi, place: Place, *, flow_runs: int) -> None:
        self._api = api
        self._place = place
        self._limit = flow_runs
        self._runs = place.root / ".steersman" / "runs"

    def prepare(self) -> str:
        """See that runs can be asked for: pool, queues, and the deployment for it; return that one's id."""
        self._make_pool()
        there = self._api.deployment(self._place.flow, BY_REQUEST)
        body = by_request(self._place)
        if there is None or differences([body], [there]).bodies:
            there = self._set(body, self._api.flow(self._place.flow))
        return str(there["id"])

    def deploy(self, manifest: Manifest, now_ns: int, *, dry_run: bool) -> Deployed:
        """Make our deployments those of `manifest`; see `ports.Deploys`."""
        found = differences(wanted(self._place, manifest, now_ns), self._api.deployments(self._place.tag))
        if not dry_run:
            self._make_pool()
            flow = self._api.flow(self._place.flow)
            for id_ in found.delete:
                self._api.delete_deployment(id_)
            # The canary comes last: a deployment that broke off half-way has not the digest of the manifest.
            for body in found.bodies:
                self._set(body, flow)
        return Deployed(
            engine="prefect",
            digest=manifest.digest(),
            created=found.created,
            updated=found.updated,
            removed=found.removed,
            unchanged=found.unchanged,
            notes=_notes(manifest, now_ns),
        )

    def end_orphans(self, now_ns: int) -> list[str]:
        """Set flow runs that nobody carries out to Crashed, and return their names."""
        markers = read_markers(self._runs)
        active = active_runs(self._api, self._place)
        why = orphaned(active, markers, now_ns)
        names = {str(run["id"]): str(run["name"]) for run in active}
        for id_, reason in why.items():
            self._api.set_state(id_, "CRASHED", name="Crashed", message=f"Steersman: {reason}", force=True)
        for id_, marker in markers.items():
            if (id_ in why or id_ not in names) and not marker.lives():
                forget(self._runs, id_)
        return [names[id_] for id_ in why]

    def running(self) -> int:
        """Return how many of our flow runs are carried out."""
        return len(active_runs(self._api, self._place))

    def prune_canary(self, now_ns: int) -> int:
        """Delete the canary's flow runs that are older than an hour; return how many went."""
        canary = self._api.deployment(self._place.flow, CANARY)
        if canary is None:
            return 0
        before = (utc(now_ns) - _CANARY_KEPT).isoformat()
        return self._api.delete_runs(
            {"deployment_id": {"any_": [canary["id"]]}, "expected_start_time": {"before_": before}}
        )

    def _make_pool(self) -> None:
        pool = self._place.pool
        if self._api.pool(pool) is None:
            self._api.make_pool({"name": pool, **POOL})
        self._api.set_queue(pool, self._place.queue, limit=self._limit)
        self._api.set_queue(pool, CANARY_QUEUE, limit=None)

    def _set(self, body: dict[str, Any], flow: str) -> dict[str, Any]:
        return self._api.set_deployment({**body, "flow_id": flow})


def _notes(manifest: Manifest, now_ns: int) -> tuple[str, ...]:
    """Say what this manifest means on Prefect otherwise than elsewhere."""
    notes = [
        f"{name} needs {' and '.join(needs)}, which different schedules start: nothing starts it here; "
        f"give it a schedule"
        for name, needs in split_followers(manifest).items()
    ]
    notes += [
        f"{automation.name}: Prefect reads the clock change of {days} otherwise than cron(8)"
        for automation in manifest
        if (days := strays(automation, now_ns))
    ]
    return tuple(notes)
