"""One signal through the gate: the events of its decision, and the order it becomes, if it becomes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from steersman.kernel.fixed import ONE, from_nano
from steersman.kernel.ids import stable_uuid
from steersman.ledger import Event, NewEvent
from steersman.policy import HaltSet, HaltState, Snapshot
from steersman.policy.events import HALT_SET, HALT_STREAM
from steersman.trading import events as e
from steersman.trading.gate.facts import Facts, Limits, LookBack, limits_for, look_back_for, pack
from steersman.trading.gate.judgement import Judgement, judge
from steersman.trading.handlers import journal, observed
from steersman.trading.handlers.recorded import Recorder, order_correlation, order_id_of
from steersman.trading.handlers.state import Held, State
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import Order
from steersman.trading.model.signal import Signal

_REPEATED: Final = "REPEAT_EXECUTION"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The events to append together, and the order to send once they are durable."""

    events: list[NewEvent]
    order: Order | None


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """When and under what a signal is judged.

    Attributes:
        at: the desk's instant that the events carry (ns).
        now: the instant ages are measured against; the same, but for bars of now that came late.
    """

    at: int
    now: int
    snapshot: Snapshot
    halts: HaltState


class Approved(msgspec.Struct, frozen=True, kw_only=True):
    """A person said yes to a held signal `age_ns` ago: it is judged again, its own repetition and size not held against
    it; `cause` is the event of the answer.
    """

    age_ns: int
    cause: Event


def verdict_of(signal: Signal, facts: Facts, judged: Judgement, at: int, *, approved: bool = False) -> e.VerdictGiven:
    """Return what the ledger keeps of a judgement on `signal` at the instant `at`, which read `facts`."""
    return e.VerdictGiven(
        signal_id=signal.signal_id,
        strategy=signal.strategy,
        instrument=signal.instrument,
        side=signal.side,
        outcome=judged.outcome,
        asked=signal.quantity,
        quantity=from_nano(judged.quantity),
        policy_version=judged.policy_version,
        table=judged.table,
        failed=judged.failed,
        checks=judged.rows,
        why=judged.why,
        at=at,
        facts=pack(facts),
        approved=approved,
    )


def _as_approved(facts: Facts, limits: Limits, approved: Approved) -> tuple[Facts, Limits]:
    """Return what a held signal is judged on once a person said yes: everything else is as it is now."""
    value = None if facts.price is None else facts.quantity * facts.price // ONE
    if limits.approval_notional is not None and value is not None:
        limits = msgspec.structs.replace(limits, approval_notional=max(limits.approval_notional, value))
    itself = max(facts.repeated_content - 1, 0)
    return (
        msgspec.structs.replace(
            facts, repeated_id=False, repeated_content=itself, signal_age_ns=max(approved.age_ns, 0)
        ),
        limits,
    )


class Decider:
    """Judges signals under the policy in force."""

    def __init__(
        self, *, recorder: Recorder, state: State, instruments: Mapping[str, Instrument], currency: str
    ) -> None:
        self._recorder = recorder
        self._state = state
        self._instruments = instruments
        self._currency = currency
        self._limits: dict[tuple[str, str, str], tuple[Limits, LookBack]] = {}
        self._version = -1

    def decide(
        self,
        signal: Signal,
        moment: Moment,
        *,
        strategy_on: bool,
        group: str | None = None,
        replaces: bool = False,
        approved: Approved | None = None,
    ) -> Decision:
        """Return the decision on `signal`; its reservation is made, nothing is sent.

        Args:
            group: of the order it becomes: its alternatives at the venue.
            replaces: it takes the place of an order that was cancelled: that it looks like that one is no repetition.
        """
        order_id = order_id_of(signal.strategy, signal.source, signal.signal_id)
        facts, limits = self._observed(signal, moment, strategy_on=strategy_on, group=group)
        if replaces:
            facts = msgspec.structs.replace(facts, repeated_content=0)
        if approved is not None:
            facts, limits = _as_approved(facts, limits, approved)
        verdict = verdict_of(signal, facts, judge(facts, limits), moment.at, approved=approved is not None)
        stream = f"signal/{signal.source}/{signal.signal_id}"
        key = (signal.source, signal.signal_id, *(("approved",) if approved is not None else ()))
        made = []
        cause: NewEvent | Event
        if approved is None:
            self._state.signal(signal, moment.at)
            cause = self._recorder.event(
                e.SIGNAL_RECEIVED,
                e.SignalReceived(signal=signal, at=moment.at),
                at=moment.at,
                stream=stream,
                key=key,
                correlation=order_correlation(order_id),
            )
            made.append(cause)
        else:
            cause = approved.cause
        given = self._recorder.event(
            e.VERDICT_GIVEN,
            verdict,
            at=moment.at,
            stream=stream,
            key=key,
            cause=cause,
            correlation=order_correlation(order_id),
        )
        made.append(given)
        order = None
        if verdict.outcome in ("accept", "adjust"):
            intent, event = self._intent(signal, verdict, order_id, group, given)
            made.append(event)
            order = self._state.submitted(intent).order
        if verdict.outcome == "hold":
            made.append(self._hold(signal, verdict, moment, given))
        # Halted once is halted: further signals of it fail the check too, and say nothing new.
        if _REPEATED in verdict.failed and f"strategy:{signal.strategy}" not in moment.halts.reasons:
            made.append(self._stop(signal.strategy, verdict, moment.at, given))
        entry = journal.of_decision(signal, verdict)
        made.append(self._recorder.event(e.JOURNAL_WRITTEN, entry, at=moment.at, stream=stream, key=key, cause=given))
        return Decision(events=made, order=order)

    def preview(self, signal: Signal, moment: Moment, *, strategy_on: bool, instead_of: str) -> Judgement:
        """Return what the gate would say to `signal` if the open order `instead_of` were gone; nothing changes."""
        open_ = dict(self._state.open)
        self._state.open.pop(instead_of, None)
        try:
            facts, limits = self._observed(signal, moment, strategy_on=strategy_on, group=None)
        finally:
            self._state.open = open_
        return judge(msgspec.structs.replace(facts, repeated_content=0), limits)

    def _observed(
        self, signal: Signal, moment: Moment, *, strategy_on: bool, group: str | None
    ) -> tuple[Facts, Limits]:
        limits, look_back = self._limits_of(signal, moment.snapshot)
        facts = observed.facts(
            self._state,
            signal,
            at=moment.now,
            instant=moment.at,
            halts=moment.halts,
            strategy_on=strategy_on,
            look_back=look_back,
            group=group,
        )
        return facts, limits

    def _limits_of(self, signal: Signal, snapshot: Snapshot) -> tuple[Limits, LookBack]:
        """Return the limits of a signal, resolved once per policy version."""
        if snapshot.version != self._version:
            self._limits.clear()
            self._version = snapshot.version
        instrument = self._instruments.get(signal.instrument)
        scope = (signal.strategy, signal.instrument, instrument.venue if instrument is not None else "")
        found = self._limits.get(scope)
        if found is None:
            strategy, name, venue = scope
            found = self._limits[scope] = (
                limits_for(snapshot, strategy=strategy, instrument=name, venue=venue),
                look_back_for(snapshot, strategy=strategy, instrument=name, venue=venue),
            )
        return found

    def _intent(
        self, signal: Signal, verdict: e.VerdictGiven, order_id: str, group: str | None, cause: NewEvent
    ) -> tuple[e.OrderSubmitted, NewEvent]:
        data = e.OrderSubmitted(
            order_id=order_id,
            signal_id=signal.signal_id,
            strategy=signal.strategy,
            instrument=signal.instrument,
            venue=self._instruments[signal.instrument].venue,
            side=signal.side,
            quantity=verdict.quantity,
            order_type=signal.order_type,
            limit_price=signal.limit_price,
            stop_price=signal.stop_price,
            time_in_force=signal.time_in_force,
            decision_price=self._state.book.prices.get(signal.instrument) if signal.price is None else signal.price,
            policy_version=verdict.policy_version,
            at=verdict.at,
            group=group,
            stop_loss=signal.stop_loss,
            take_profit=signal.take_profit,
        )
        event = self._recorder.event(
            e.ORDER_SUBMITTED, data, at=verdict.at, stream=f"order/{order_id}", key=(order_id,), cause=cause
        )
        return data, event

    def _hold(self, signal: Signal, verdict: e.VerdictGiven, moment: Moment, cause: NewEvent) -> NewEvent:
        at = moment.at
        waits_s = moment.snapshot.decimal("trading.hold_for", strategy=signal.strategy) or 0
        what = f"{signal.side.value} {journal.amount(verdict.quantity)} {signal.instrument} for {signal.strategy}"
        price = "" if signal.price is None else f" at {journal.amount(signal.price)} {self._currency}"
        approval_id = e.trade_approval(signal.signal_id)
        data = e.ApprovalRequested(
            approval_id=approval_id,
            kind="trade",
            subject=signal.signal_id,
            what=what + price,
            why=verdict.why,
            expires_at=at + int(waits_s * 10**9),
            at=at,
        )
        event = self._recorder.event(
            e.HOLD_REQUESTED, data, at=at, stream=f"approval/{signal.signal_id}", key=(signal.signal_id,), cause=cause
        )
        self._state.holds[approval_id] = Held(
            approval_id=approval_id,
            signal=signal,
            quantity=verdict.quantity,
            expires_at=data.expires_at,
            requested=event.id,
        )
        return event

    def _stop(self, strategy: str, verdict: e.VerdictGiven, at: int, cause: NewEvent) -> NewEvent:
        """Return the halt of a strategy that was filled suspiciously often; only a person lifts it."""
        data = HaltSet(scope=f"strategy:{strategy}", reason=next(r.why for r in verdict.checks if r.code == _REPEATED))
        key = (strategy, str(at), str(stable_uuid(verdict.signal_id)))
        return self._recorder.event(HALT_SET, data, at=at, stream=HALT_STREAM, key=key, cause=cause)
