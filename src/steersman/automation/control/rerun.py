"""A cycle once more from where it failed: what has succeeded counts as done, what failed or was skipped runs again."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from steersman.automation.control.cycles import OPEN, Member, find, latest, members
from steersman.automation.model.cycle import event_of
from steersman.automation.model.manifest import Manifest, plan_cycle
from steersman.automation.model.outcome import RunRequest, run_id
from steersman.automation.model.params import resolved
from steersman.kernel.errors import Misconfigured, Rejected
from steersman.ledger.projections import Database


class Rerun(msgspec.Struct, frozen=True, kw_only=True):
    """What will run, in order, and which runs that succeeded stand (by automation)."""

    requests: tuple[RunRequest, ...]
    done: dict[str, str]


def plan(
    db: Database,
    manifest: Manifest,
    wanted: str,
    *,
    now: int,
    from_start: bool = False,
    anyway: bool = False,
    cycle: str = "",
    in_hand: Collection[str] = (),
) -> Rerun:
    """Return what repeats the part of a cycle that the run `wanted` belongs to: what it needs and what needs it.

    Every run has the parameters and the start of the one it repeats. Ids depend on `now` (ns) as well.

    Args:
        from_start: repeat also what has succeeded.
        cycle: what the cycle of `wanted` was called, if that is known; what an event started keeps its event.
        in_hand: correlation ids of cycles that somebody carries out now.

    Raises:
        Misconfigured: there is no such run, or it is no longer declared.
        Rejected: something of it is not over, or all of it succeeded.
    """
    run = find(db, wanted)
    if run is None:
        which = wanted if wanted in manifest else "NAME"
        raise Misconfigured(
            f"there is no run {wanted!r}", fix=f"name one by its id: `steersman auto show {which}` lists the latest"
        )
    if run.automation not in manifest:
        raise Misconfigured(
            f"{run.automation} is no longer declared", fix=f"add [automation.{run.automation}] to steersman.toml"
        )
    all_runs = members(db, run)
    now_standing = latest(all_runs)
    part = _part(manifest, run.automation, now_standing)
    _refuse_open([now_standing[name] for name in part], in_hand)
    again = [n for n in part if from_start or now_standing[n].status != "succeeded"]
    if not again:
        raise Rejected(
            f"all of it succeeded: {', '.join(part)}",
            fix=f"to repeat it all the same: steersman auto rerun {wanted} --from-start",
        )
    name = _named(cycle, wanted, now)
    ids = {n: run_id(n, now, name) for n in again}
    # A run that was skipped may know less than its cycle: the start it stands for is that of all.
    due = next((m.stands_for for m in all_runs if m.stands_for is not None), None)
    return Rerun(
        requests=tuple(_request(manifest, now_standing, n, ids, name, due, anyway=anyway) for n in again),
        done={n: now_standing[n].run_id for n in part if n not in again},
    )


def _part(manifest: Manifest, name: str, there: Mapping[str, Member]) -> list[str]:
    """Return the members of the cycle that `name` needs or that need it, and what those need; in order."""
    dependants = {name}
    for other in manifest.order:
        if dependants.intersection(manifest[other].needs) and other in there:
            dependants.add(other)
    return [n for n in plan_cycle(manifest, dependants) if n in there]


def _refuse_open(runs: list[Member], in_hand: Collection[str]) -> None:
    for run in runs:
        if run.status in OPEN or run.cycle in in_hand:
            state = "goes on" if run.status not in OPEN else f"is {run.status}"
            raise Rejected(
                f"{run.run_id} {state}: its cycle is not over",
                fix=f"wait for it, or: steersman auto cancel {run.run_id}",
            )


def _request(
    manifest: Manifest,
    there: Mapping[str, Member],
    name: str,
    ids: Mapping[str, str],
    cycle: str,
    due: int | None,
    *,
    anyway: bool,
) -> RunRequest:
    before = there[name]
    try:
        resolved(manifest[name].params, before.params)
    except ValueError as exc:
        raise Rejected(
            f"{before.run_id} ran with parameters that {name} no longer has: {exc}",
            fix=f"run it anew: steersman auto run {name}",
        ) from exc
    needs = {n: ids.get(n) or there[n].run_id for n in manifest[name].needs if n in there}
    return RunRequest(
        run_id=ids[name],
        automation=name,
        cycle=cycle,
        cause="rerun",
        scheduled_at=before.scheduled_at,
        stands_for=before.stands_for if before.stands_for is not None else due,
        needs=needs,
        params=before.params,
        anyway=anyway,
        repeats=before.run_id,
    )


def _named(cycle: str, wanted: str, now: int) -> str:
    """Return what the new cycle is called: after its event, if one started it, so that its scripts get it again."""
    key = cycle.rpartition("/")[0]
    return f"{key}/{now}" if event_of(f"{key}/") is not None else f"rerun/{wanted}/{now}"
