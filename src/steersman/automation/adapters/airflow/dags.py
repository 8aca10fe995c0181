"""Which DAGs a manifest becomes, and what Airflow says differently. Pure.

A file holds what is connected by needs. In it stands one DAG per trigger, for a DAG has one schedule: automations with
the same schedule share one, an event or a hand is one of its own. The members of each are those of the cycle that our
own engines would start, so runs have the same names everywhere, and a run that two DAGs share is one run.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from steersman.automation.adapters.airflow.cron import lines_for_airflow, strays
from steersman.automation.model.manifest import Automation, Manifest, plan_cycle
from steersman.automation.model.schedule import BETWEEN

Trigger = Literal["schedule", "event", "hand"]


class Dag(msgspec.Struct, frozen=True, kw_only=True):
    """One DAG: what starts it and who is in it, each after all it needs.

    Attributes:
        roots: those that the trigger means; the others of `members` are needed by them, or follow them.
        needs: by member, those of its needs that are members.
        schedule, tz: cron lines with `; ` between them, and their time zone; empty unless `trigger` is `schedule`.
        catchup: whether starts that nobody was there for are all made up for.
        words: what starts it, for people.
    """

    dag_id: str
    trigger: Trigger
    roots: tuple[str, ...]
    members: tuple[str, ...]
    needs: dict[str, tuple[str, ...]]
    schedule: str = ""
    tz: str = ""
    catchup: bool = False
    words: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """DAGs by file name, and what a person should know; `differs` says by automation what Airflow does
    otherwise than we do."""

    files: dict[str, tuple[Dag, ...]]
    notes: tuple[str, ...]
    differs: dict[str, str]

    @property
    def dags(self) -> tuple[Dag, ...]:
        return tuple(dag for dags in self.files.values() for dag in dags)


def plan(manifest: Manifest, prefix: str) -> Plan:
    """Return the files of `manifest`; `prefix` begins every file name and DAG id.

    Raises:
        ValueError: a schedule that Airflow cannot be told.
    """
    files: dict[str, tuple[Dag, ...]] = {}
    for group in _groups(manifest):
        if dags := _dags(manifest, group, prefix):
            files[f"steersman_{prefix}_{group[0]}.py"] = dags
    reached = {name for dags in files.values() for dag in dags for name in dag.members}
    return Plan(files=files, notes=tuple(_notes(manifest)), differs=_differences(manifest, reached))


def cycle_dag(manifest: Manifest, names: list[str], roots: list[str], dag_id: str) -> Dag:
    """Return the DAG of a cycle that somebody asked for: exactly `names`."""
    return _dag(manifest, dag_id, "hand", roots, names)


def _groups(manifest: Manifest) -> list[list[str]]:
    """Return the names connected by needs, each group and the groups themselves in the manifest's order."""
    group_of: dict[str, list[str]] = {}
    for automation in manifest:
        together = {id(group_of[need]): group_of[need] for need in automation.needs}
        merged = sorted([automation.name, *(n for g in together.values() for n in g)], key=manifest.order.index)
        group_of.update(dict.fromkeys(merged, merged))
    return list({id(group): group for group in (group_of[name] for name in manifest.order)}.values())


def _dags(manifest: Manifest, group: list[str], prefix: str) -> tuple[Dag, ...]:
    scheduled: dict[tuple[str, str, bool], list[str]] = {}
    dags: list[Dag] = []
    for automation in (manifest[name] for name in group if manifest[name].enabled):
        name = automation.name
        if automation.schedule:
            scheduled.setdefault((automation.schedule, automation.tz, automation.catchup == "all"), []).append(name)
        if automation.on:
            words = f"starts on {', or on '.join(map(str, automation.on))}: `steersman up` triggers it"
            dags.append(_dag(manifest, f"{prefix}.{name}.event", "event", [name], _members(manifest, [name]), words))
        if not automation.schedule and not automation.on and not automation.needs:
            words = "starts by hand"
            dags.append(_dag(manifest, f"{prefix}.{name}", "hand", [name], _members(manifest, [name]), words))
    for (schedule, tz, catchup), roots in scheduled.items():
        dag = _dag(manifest, f"{prefix}.{roots[0]}", "schedule", roots, _members(manifest, roots), f"{schedule} {tz}")
        cron = BETWEEN.join(lines_for_airflow(schedule))
        dags.append(msgspec.structs.replace(dag, schedule=cron, tz=tz, catchup=catchup))
    return tuple(sorted(dags, key=lambda dag: dag.dag_id))


def _members(manifest: Manifest, roots: list[str]) -> list[str]:
    return plan_cycle(manifest, roots, dependants=True)


def _dag(
    manifest: Manifest, dag_id: str, trigger: Trigger, roots: list[str], members: list[str], words: str = ""
) -> Dag:
    return Dag(
        dag_id=dag_id,
        trigger=trigger,
        roots=tuple(roots),
        members=tuple(members),
        needs={name: tuple(n for n in manifest[name].needs if n in members) for name in members},
        words=words,
    )


def _notes(manifest: Manifest) -> list[str]:
    """Return what holds as it does everywhere, and may surprise somebody who knows Airflow."""
    notes = ["Clearing a task repeats nothing: the same start is the same run. Trigger the DAG anew instead."]
    waiting = [a.name for a in manifest if a.enabled and (a.resources or a.approve or a.outside == "wait")]
    if waiting:
        notes.append(
            f"{', '.join(waiting)}: tokens, windows and approvals are waited for inside the task, over all engines;"
            " no pool is needed, and the task holds its slot meanwhile"
        )
    return notes


def _differences(manifest: Manifest, reached: set[str]) -> dict[str, str]:
    """Return by name what Airflow does not do as we do."""
    found = {a.name: _difference(a, reached) for a in manifest if a.enabled}
    return {name: difference for name, difference in found.items() if difference}


def _difference(automation: Automation, reached: set[str]) -> str:
    if automation.name not in reached:
        return f"never starts in Airflow: no schedule of one DAG brings {' and '.join(automation.needs)} together"
    said = []
    if automation.schedule and automation.catchup == "none":
        said.append("catchup = none, but Airflow makes up for the latest start after a pause")
    if automation.schedule and strays(automation.schedule, automation.tz):
        said.append("on the days the clock is changed Airflow may start it up to an hour later")
    if automation.on:
        said.append("Airflow does not see our events; it starts on them while `steersman up` runs")
    return "; ".join(said)
