"""Signals, verdicts, holds and their answers, and the journal."""

from __future__ import annotations

from typing import Final

from steersman.ledger.event import Event
from steersman.ledger.projections import Database
from steersman.trading import events as e
from steersman.trading.handlers.commands import decided_id
from steersman.trading.projections.writing import Handler, count, insert, json, maybe, on, strategy, text


def _submitted(db: Database, s: e.SignalSubmitted, event: Event) -> None:
    insert(
        db,
        "trading_submitted",
        event_id=event.id.bytes,
        signal_id=decided_id(s.source, s.request.signal_id),
        source=s.source,
        strategy=s.request.strategy,
        instrument=s.request.instrument,
        received_at=s.received_at,
        pos=event.pos,
    )


def _received(db: Database, received: e.SignalReceived, event: Event) -> None:
    s = received.signal
    new = insert(
        db,
        "trading_signal",
        pos=event.pos,
        signal_id=s.signal_id,
        source=s.source,
        strategy=s.strategy,
        instrument=s.instrument,
        side=s.side.value,
        quantity=text(s.quantity),
        order_type=s.order_type.value,
        limit_price=maybe(s.limit_price),
        price=maybe(s.price),
        time_in_force=s.time_in_force.value,
        confidence=s.confidence,
        notes=s.notes,
        created_at=s.created_at,
        at=received.at,
        stop_price=maybe(s.stop_price),
        stop_loss=maybe(s.stop_loss),
        take_profit=maybe(s.take_profit),
    )
    if new:
        count(db, "signal")
        strategy(db, s.strategy, "signals = signals + 1")
    db.execute("DELETE FROM trading_submitted WHERE signal_id = ?", (s.signal_id,))


def _refused(db: Database, r: e.SignalRefused, event: Event) -> None:
    new = insert(
        db,
        "trading_refused",
        pos=event.pos,
        source=r.source,
        strategy=r.strategy,
        reason=r.reason,
        found=r.found,
        at=r.at,
    )
    if new:
        count(db, "refused")
    if event.causation_id is not None:
        db.execute("DELETE FROM trading_submitted WHERE event_id = ?", (event.causation_id.bytes,))


def _verdict(db: Database, v: e.VerdictGiven, event: Event) -> None:
    new = insert(
        db,
        "trading_verdict",
        pos=event.pos,
        signal_id=v.signal_id,
        strategy=v.strategy,
        instrument=v.instrument,
        side=v.side.value,
        outcome=v.outcome,
        asked=text(v.asked),
        quantity=text(v.quantity),
        policy_version=v.policy_version,
        check_table=v.table,
        failed=json(v.failed),
        checks=json(v.checks),
        why=v.why,
        at=v.at,
        approved=v.approved,
    )
    if not new:
        return
    if v.approved:
        # The signal was counted when it was held; what the second look said is counted apart.
        count(db, "approved", v.outcome)
        db.execute(
            "UPDATE trading_verdict SET superseded = 1 WHERE signal_id = ? AND outcome = 'hold' AND pos < ?",
            (v.signal_id, event.pos),
        )
        _became(db, v.signal_id, v.outcome, v.why)
        return
    count(db, "verdict", v.outcome)
    for code in v.failed:
        count(db, "failed", code)


def _became(db: Database, subject: str, outcome: str, why: str) -> None:
    db.execute(
        "UPDATE trading_hold SET outcome = ?, outcome_why = ? WHERE subject = ? AND outcome IS NULL",
        (outcome, why, subject),
    )


def _hold(db: Database, h: e.ApprovalRequested, event: Event) -> None:
    insert(
        db,
        "trading_hold",
        approval_id=h.approval_id,
        kind=h.kind,
        subject=h.subject,
        what=h.what,
        why=h.why,
        requested_at=h.at,
        expires_at=h.expires_at,
        pos=event.pos,
    )


def _answer(db: Database, approval_id: str, answer: str, by: str, reason: str, event: Event) -> None:
    db.execute(
        """UPDATE trading_hold SET answer = ?, answered_by = ?, answer_reason = ?, answered_at = ?
           WHERE approval_id = ? AND answer IS NULL""",
        (answer, by, reason, event.recorded_at, approval_id),
    )


def _granted(db: Database, a: e.ApprovalAnswered, event: Event) -> None:
    _answer(db, a.approval_id, "approved", a.by, a.reason, event)


def _denied(db: Database, a: e.ApprovalAnswered, event: Event) -> None:
    _answer(db, a.approval_id, "denied", a.by, a.reason, event)


def _expired(db: Database, a: e.ApprovalExpired, event: Event) -> None:
    _answer(db, a.approval_id, "expired", "", "nobody answered in time", event)


def _journal(db: Database, j: e.JournalWritten, event: Event) -> None:
    new = insert(
        db,
        "journal",
        entry_id=j.entry_id,
        pos=event.pos,
        kind=j.kind,
        strategy=j.strategy,
        instrument=j.instrument,
        outcome=j.outcome,
        text=j.text,
        signal_id=j.signal_id,
        facts=json(j.facts),
        at=j.at,
    )
    if new:
        count(db, "journal", j.kind)
        if j.signal_id is not None and j.outcome in ("denied", "expired"):
            # A hold that ended unsent; of one that was approved too late this is the only word.
            _became(db, j.signal_id, j.outcome, j.text)


HANDLERS: Final[dict[str, Handler]] = {
    e.SIGNAL_SUBMITTED: on(e.SignalSubmitted, _submitted),
    e.SIGNAL_RECEIVED: on(e.SignalReceived, _received),
    e.SIGNAL_REFUSED: on(e.SignalRefused, _refused),
    e.VERDICT_GIVEN: on(e.VerdictGiven, _verdict),
    e.HOLD_REQUESTED: on(e.ApprovalRequested, _hold),
    e.APPROVAL_GRANTED: on(e.ApprovalAnswered, _granted),
    e.APPROVAL_DENIED: on(e.ApprovalAnswered, _denied),
    e.APPROVAL_EXPIRED: on(e.ApprovalExpired, _expired),
    e.JOURNAL_WRITTEN: on(e.JournalWritten, _journal),
}
