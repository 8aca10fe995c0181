"""What the core made of a request: looked for in the ledger until it is there, or the time is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import msgspec

from steersman.automation.events import RUN_SKIPPED, RUN_STARTED, RunSkipped
from steersman.kernel.clock import SystemClock
from steersman.policy.approvals import RUN, approval_stream
from steersman.trading import events as e

if TYPE_CHECKING:
    from steersman.bootstrap.desk import Desk
    from steersman.ledger import Event

T = TypeVar("T")
_DOWN = "the core is not running: it acts on this when it is back (`steersman up`)"
_SLOW = "the core has not acted on it yet; it will"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request; `known` is False while nobody knows, and `text` says why."""

    subject: str
    known: bool
    outcome: str
    text: str
    next: str = ""


def wait_for(desk: Desk, look: Callable[[Event], T | None], *, after: int, wait_s: float) -> T | None:
    """Return what `look` makes of the first event behind `after` that means something to it; None: none in time."""
    clock = SystemClock()
    until = clock.elapsed_ns() + int(wait_s * 1e9)
    tail = desk.ledger.subscribe(after=after)
    try:
        while True:
            left_s = (until - clock.elapsed_ns()) / 1e9
            for event in tail.next(max(left_s, 0.0)):
                found = look(event)
                if found is not None:
                    return found
            if left_s <= 0 or not _core_runs(desk):
                return None
    finally:
        tail.close()


def _core_runs(desk: Desk) -> bool:
    return bool(getattr(desk.ledger, "core_runs", True))


def unknown(desk: Desk, subject: str) -> Outcome:
    """Return that nobody knows yet, and why."""
    runs = _core_runs(desk)
    text = _SLOW if runs else _DOWN
    return Outcome(subject=subject, known=False, outcome="waits", text=text, next="" if runs else "`steersman up`")


def of_approval(desk: Desk, approval_id: str, *, after: int, wait_s: float) -> Outcome:
    """Wait for what becomes of an answered hold."""
    if approval_id.startswith(f"{RUN}/"):
        return _of_run(desk, approval_id, after=after, wait_s=wait_s)
    signal_id = approval_stream(approval_id).removeprefix("approval/")

    def look(event: Event) -> Outcome | None:
        if event.type == e.VERDICT_GIVEN:
            verdict = msgspec.json.decode(event.data, type=e.VerdictGiven)
            if verdict.signal_id == signal_id and verdict.approved:
                return _judged(verdict)
        if event.type == e.JOURNAL_WRITTEN:
            entry = msgspec.json.decode(event.data, type=e.JournalWritten)
            if entry.signal_id == signal_id and entry.outcome in ("denied", "expired"):
                return Outcome(subject=approval_id, known=True, outcome=entry.outcome, text=entry.text)
        return None

    return wait_for(desk, look, after=after, wait_s=wait_s) or unknown(desk, approval_id)


def _of_run(desk: Desk, approval_id: str, *, after: int, wait_s: float) -> Outcome:
    """Wait for the start of an approved run, or for why it does not start."""
    run_id = approval_id.removeprefix(f"{RUN}/")

    def look(event: Event) -> Outcome | None:
        if event.type == RUN_STARTED and event.stream == f"run/{run_id}":
            follow = f"`steersman auto logs {run_id} --follow`"
            return Outcome(subject=approval_id, known=True, outcome="started", text=f"{run_id} started", next=follow)
        if event.type == RUN_SKIPPED:
            skipped = msgspec.json.decode(event.data, type=RunSkipped)
            if skipped.run_id == run_id:
                text = f"{run_id} does not run: {skipped.reason}"
                return Outcome(subject=approval_id, known=True, outcome="skipped", text=text)
        return None

    found = wait_for(desk, look, after=after, wait_s=wait_s)
    text = "recorded; the engine that asked acts on it within a second, or when it is back"
    return found or Outcome(subject=approval_id, known=False, outcome="waits", text=text, next="`steersman up`")


def _judged(verdict: e.VerdictGiven) -> Outcome:
    what = f"{verdict.side.value} {verdict.quantity:f} {verdict.instrument}"
    if verdict.outcome in ("accept", "adjust"):
        text = f"approved, and checked again: {what} goes out ({verdict.why})"
        follow = "`steersman order list`"
    else:
        text = f"approved, but checked again it does not pass: {verdict.why}"
        follow = f"`steersman signal show {verdict.signal_id}`"
    return Outcome(subject=verdict.signal_id, known=True, outcome=verdict.outcome, text=text, next=follow)


_ENDS = {e.ORDER_CANCELLED: "cancelled", e.ORDER_REJECTED: "rejected", e.ORDER_EXPIRED: "expired"}


def of_cancel(desk: Desk, order_id: str, *, after: int, wait_s: float) -> Outcome:
    """Wait for the end of an order that somebody asked to end, or for why it does not end."""

    def look(event: Event) -> Outcome | None:
        if event.stream != f"order/{order_id}":
            return None
        if event.type in _ENDS:
            how, reason = _ENDS[event.type], msgspec.json.decode(event.data, type=e.OrderEnded).reason
            return Outcome(subject=order_id, known=True, outcome=how, text=f"order {order_id} {how}: {reason}")
        if event.type == e.ORDER_CANCEL_REFUSED:
            reason = msgspec.json.decode(event.data, type=e.OrderEnded).reason
            return Outcome(
                subject=order_id, known=True, outcome="refused", text=f"the venue does not cancel it: {reason}"
            )
        if event.type == e.ORDER_FILLED:
            fill = msgspec.json.decode(event.data, type=e.OrderFilled)
            if not fill.leaves:
                text = f"order {order_id} was filled before it could be cancelled"
                return Outcome(subject=order_id, known=True, outcome="filled", text=text)
        return None

    return wait_for(desk, look, after=after, wait_s=wait_s) or unknown(desk, order_id)


def of_replace(desk: Desk, order_id: str, *, after: int, wait_s: float) -> Outcome:
    """Wait for the verdict on what takes the place of an order."""

    def look(event: Event) -> Outcome | None:
        if event.type == e.ORDER_REPLACE_DROPPED and event.stream == f"order/{order_id}":
            reason = msgspec.json.decode(event.data, type=e.OrderEnded).reason
            text = f"order {order_id} is not replaced: {reason}"
            return Outcome(subject=order_id, known=True, outcome="dropped", text=text)
        if event.type == e.VERDICT_GIVEN:
            verdict = msgspec.json.decode(event.data, type=e.VerdictGiven)
            if verdict.signal_id.startswith(f"replace/{order_id}/"):
                what = f"{verdict.side.value} {verdict.quantity:f} {verdict.instrument}"
                sent = verdict.outcome in ("accept", "adjust")
                text = (
                    f"order {order_id} ended; {what} takes its place"
                    if sent
                    else (f"order {order_id} ended; what should take its place does not pass: {verdict.why}")
                )
                return Outcome(subject=verdict.signal_id, known=True, outcome=verdict.outcome, text=text)
        return None

    return wait_for(desk, look, after=after, wait_s=wait_s) or unknown(desk, order_id)


def of_reconcile(desk: Desk, request_id: str, venues: set[str], *, after: int, wait_s: float) -> list[e.Reconciled]:
    """Wait for the reports of all `venues` on one request; those that did not come are missing."""
    reports: dict[str, e.Reconciled] = {}

    def look(event: Event) -> bool | None:
        if event.type == e.RECONCILED:
            report = msgspec.json.decode(event.data, type=e.Reconciled)
            if report.request_id == request_id:
                reports[report.venue] = report
        return True if venues <= set(reports) else None

    wait_for(desk, look, after=after, wait_s=wait_s)
    return list(reports.values())
