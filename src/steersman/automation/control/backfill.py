"""Starts that a schedule had in a span of the past, made up for in order; asked again, it goes on where it stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from steersman.automation.model.manifest import Automation, Manifest, plan_cycle
from steersman.automation.model.outcome import RunOutcome, RunRequest
from steersman.automation.model.outcome import run_id as id_of
from steersman.automation.model.schedule import starts
from steersman.automation.model.times import closed_reason
from steersman.kernel.clock import iso, to_ns
from steersman.kernel.errors import Misconfigured, Rejected
from steersman.ledger.projections import Database

ASKED_FIRST: Final = 1000
"""More starts than this are only made up for if their number is given."""
MOST: Final = 100_000
_END_NS: Final = 1 << 63
Carry = Callable[[Sequence[RunRequest]], Mapping[str, RunOutcome]]


class Backfill(msgspec.Struct, frozen=True, kw_only=True):
    """What will be made up for. Instants in ns since 1970 UTC.

    Attributes:
        first, last: the span, both included.
        members: who runs for each start, in order; the automation itself last.
        due: the starts to come, in order.
        done: starts of the span that were made up for before.
        closed: starts of the span that its window or a blackout would have dropped, which it drops again.
        future: whether the span went beyond the present, and was cut there.
    """

    automation: str
    tz: str
    first: int
    last: int
    members: tuple[str, ...]
    due: tuple[int, ...]
    done: int
    closed: int
    future: bool


def span(begin: str, end: str, tz: str) -> tuple[int, int]:
    """Return two instants (ns) of what a person wrote, on the clocks of `tz`: days (the last one whole) or times.

    Raises:
        Misconfigured: one cannot be read, or the second is before the first.
    """
    first, last = _instant("--from", begin, tz, ends=False), _instant("--to", end, tz, ends=True)
    if last < first:
        raise Misconfigured(f"--to {end} is before --from {begin}", fix="swap them")
    return first, last


def _instant(option: str, text: str, tz: str, *, ends: bool) -> int:
    fix = f"write {option} 2026-11-24"
    try:
        at = _read(text.strip(), ZoneInfo(tz), ends=ends)
    except (ValueError, OverflowError) as exc:
        raise Misconfigured(
            f"{option} {text!r}: allowed is a day or a time, e.g. 2026-11-24 or 2026-11-24T17:05", fix=fix
        ) from exc
    if not 0 <= at < _END_NS:
        raise Misconfigured(f"{option} {text!r}: allowed is 1970-01-01 to 2262-04-11", fix=fix)
    return at


def _read(said: str, zone: ZoneInfo, *, ends: bool) -> int:
    at = datetime.fromisoformat(said)
    if len(said) <= len("2026-11-24") and ends:
        at += timedelta(days=1)
        return to_ns(at.replace(tzinfo=zone)) - 1
    return to_ns(at if at.tzinfo is not None else at.replace(tzinfo=zone))


def plan(
    db: Database,
    manifest: Manifest,
    automation: Automation,
    *,
    first: int,
    last: int,
    now: int,
    with_needs: bool = False,
    again: bool = False,
    missing: bool = False,
) -> Backfill:
    """Return the starts that the schedule of `automation` had from `first` to `last` and that are not made up for yet.

    Args:
        with_needs: before each, run what it needs.
        again: also those that were made up for before.
        missing: only those for which no run succeeded, whatever started it.

    Raises:
        Misconfigured: it has no schedule.
        Rejected: there was no start in the span, or far too many.
    """
    if automation.schedule is None:
        raise Misconfigured(
            f"{automation.name} has no schedule, so there is nothing to make up for",
            fix=f"steersman auto run {automation.name}",
        )
    until = min(last, now)
    there, closed = _due(manifest, automation, first, until)
    if not there:
        raise Rejected(
            f"{automation.schedule!r} ({automation.tz}) had no start from {iso(first)} to {iso(until)}"
            + (f" that its window and blackouts let pass; {closed} were dropped" if closed else ""),
            fix="choose another span; `steersman auto next` shows what its starts look like",
        )
    done = set() if again else _succeeded(db, automation.name, first, until, any_cause=missing)
    due = tuple(at for at in there if at not in done)
    return Backfill(
        automation=automation.name,
        tz=automation.tz,
        first=first,
        last=until,
        members=tuple(plan_cycle(manifest, [automation.name], needs=with_needs)),
        due=due,
        done=len(there) - len(due),
        closed=closed,
        future=last > now,
    )


def _due(manifest: Manifest, automation: Automation, first: int, until: int) -> tuple[list[int], int]:
    """Return the starts of the span that happened, or would have, and how many its window or a blackout dropped."""
    found: list[int] = []
    closed = 0
    for at in takewhile(lambda start: start <= until, starts(automation.schedule or "", automation.tz, first - 1)):
        if automation.outside == "skip" and closed_reason(manifest, automation, at):
            closed += 1
        else:
            found.append(at)
        if len(found) + closed > MOST:
            raise Rejected(f"more than {MOST:,} starts lie in that span", fix="choose a shorter one")
    return found, closed


def _succeeded(db: Database, name: str, first: int, until: int, *, any_cause: bool) -> set[int]:
    """Return the starts for which a run succeeded; those of a backfill, or whatever started them."""
    causes = "" if any_cause else "AND f.cause IN ('backfill', 'rerun') AND b.cause = 'backfill'"
    rows = db.execute(
        f"""SELECT DISTINCT f.scheduled_at FROM automation_attempt f
            JOIN automation_run r ON r.run_id = f.run_id AND r.status = 'succeeded'
            JOIN automation_attempt b ON b.attempt = 1
                AND b.run_id = CASE WHEN f.cause = 'rerun' THEN r.repeats ELSE f.run_id END
            WHERE f.automation = ? AND f.attempt = 1 AND f.scheduled_at BETWEEN ? AND ? {causes}""",
        (name, first, until),
    )
    return {int(row[0]) for row in rows}


def requests(manifest: Manifest, plan: Backfill, at: int, *, now: int, lane: int, anyway: bool) -> list[RunRequest]:
    """Return the runs for one start. Their ids depend on `now` (ns) as well, so that a failed one can be asked again.

    Folders of runs are cleared away by age of their ids: what is made up for today is of today.
    """
    cycle = f"backfill/{at}/{now}"
    ids = {name: id_of(name, now, cycle) for name in plan.members}
    return [
        RunRequest(
            run_id=ids[name],
            automation=name,
            cycle=cycle,
            cause="backfill" if name == plan.automation else "needs",
            scheduled_at=at if name == plan.automation else None,
            stands_for=at,
            needs={need: ids[need] for need in manifest[name].needs if need in ids},
            anyway=anyway and name == plan.automation,
            lane=lane if name == plan.automation else 0,
        )
        for name in plan.members
    ]


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """One start that was made up for, or not: `outcome` says how that ended."""

    at: int
    outcome: RunOutcome


class Carrier:
    """Makes up for the starts of a plan, in order, up to `parallel` at once."""

    def __init__(
        self,
        manifest: Manifest,
        plan: Backfill,
        carry: Carry,
        *,
        now: Callable[[], int],
        parallel: int = 1,
        failures: int = 3,
        anyway: bool = False,
    ) -> None:
        """Prepare.

        Args:
            carry: carries out the runs of one start and waits.
            failures: in a row, after which it stops: what fails each time must be mended first.
        """
        self._manifest = manifest
        self._plan = plan
        self._carry = carry
        self._now = now
        self._parallel = parallel
        self._failures = failures
        self._anyway = anyway
        self._lock = threading.Lock()
        self._left: Iterator[int] = iter(plan.due)
        self._in_a_row = 0
        self._stop = threading.Event()

    @property
    def gave_up(self) -> bool:
        """Whether it stopped because too many failed in a row."""
        return self._in_a_row >= self._failures

    def stop(self) -> None:
        """Begin no further start."""
        self._stop.set()

    def run(self, tell: Callable[[Made], None], *, interrupted: Callable[[], object] = lambda: None) -> None:
        """Make up for one after the other; `tell` is called for each that ended, from several threads.

        Whatever interrupts it (Ctrl-C) passes on once what is under way has ended; `interrupted` is called to end it.
        """
        with ThreadPoolExecutor(self._parallel, thread_name_prefix="backfill") as pool:
            lanes = [pool.submit(self._lane, lane, tell) for lane in range(self._parallel)]
            try:
                for lane in lanes:
                    lane.result()
            except BaseException:
                self.stop()
                interrupted()
                raise

    def _lane(self, lane: int, tell: Callable[[Made], None]) -> None:
        while (at := self._next()) is not None:
            asked = requests(self._manifest, self._plan, at, now=self._now(), lane=lane, anyway=self._anyway)
            outcome = self._carry(asked)[self._plan.automation]
            if self._stop.is_set() and outcome.status == "cancelled":
                return  # it was stopped, not this start
            with self._lock:
                self._in_a_row = 0 if outcome.ok else self._in_a_row + 1
                tell(Made(at=at, outcome=outcome))

    def _next(self) -> int | None:
        with self._lock:
            return None if self._stop.is_set() or self.gave_up else next(self._left, None)
