"""What an operator should know about publishing: channels that cannot be set up, posts that are late, who publishes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from steersman.bootstrap.desk import Desk
from steersman.bootstrap.diagnosis import Diagnosis
from steersman.bootstrap.plugins import factory
from steersman.content import queries
from steersman.content.publishing import heartbeat
from steersman.kernel.clock import iso
from steersman.kernel.errors import SteersmanError
from steersman.kernel.references import resolve

_FRESH_S = 60.0


def examine_publishing(desk: Desk) -> Iterator[Diagnosis]:
    """Say what keeps posts from going out; asks no channel anything."""
    declared = desk.workspace.content.channels
    root = desk.workspace.root
    for name, settings in declared.items():
        try:
            factory("channels", settings.kind)(settings=settings, root=root, secret=partial(resolve, root=root))
        except SteersmanError as exc:
            yield Diagnosis(name=f"channel {name}", level="fail", found=exc.message, fix=exc.fix)
        else:
            yield Diagnosis(name=f"channel {name}", level="ok", found=f"{settings.kind}; not asked anything")
    late = queries.overdue(desk.db)
    if late:
        first = late[0]
        more = f" (and {len(late) - 1} more)" if len(late) > 1 else ""
        yield Diagnosis(
            name="overdue",
            level="fail",
            found=f"{first.draft} on {first.channel} since {iso(first.overdue_at or 0)}: {first.overdue_reason}{more}",
            fix=f"steersman content publish {first.draft}",
        )
    if declared:
        yield _worker(desk)


def _worker(desk: Desk) -> Diagnosis:
    silent, beat = queries.worker(desk.db), heartbeat.read(desk.workspace.root / heartbeat.FILE)
    if silent is not None and silent.silent:
        found = f"{silent.reason}; posts waiting: {silent.waiting}"
        return Diagnosis(name="publishing", level="fail", found=found, fix="steersman up, and see what it prints")
    if beat is None:
        found = "no desk publishes by itself; posts go out by content publish, or an automation that runs it"
        return Diagnosis(name="publishing", level="ok", found=found)
    age_s = (desk.clock.now_ns() - beat.at) / 1e9
    if age_s <= _FRESH_S:
        return Diagnosis(name="publishing", level="ok", found=f"the desk publishes; posts waiting: {len(beat.waiting)}")
    return Diagnosis(
        name="publishing",
        level="warn" if beat.waiting else "ok",
        found=f"nobody since {iso(beat.at)}; posts waiting: {len(beat.waiting)}",
        fix="steersman up" if beat.waiting else "",
    )
