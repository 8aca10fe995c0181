"""One signal through the gate: the events of its decision, and the order it becomes, if it becomes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from steersman.kernel.fixed import from_nano
from steersman.kernel.ids import stable_uuid
from steersman.ledger import NewEvent
from steersman.policy import HaltSet, HaltState, Snapshot
from steersman.policy.events import HALT_SET, HALT_STREAM
from steersman.trading import events as e
from steersman.trading.gate.facts import Facts, Limits, limits_for
from steersman.trading.gate.judgement import Judgement, judge
from steersman.trading.handlers import journal, observed
from steersman.trading.handlers.recorded import Recorder, order_correlation, order_id_of
from steersman.trading.handlers.state import State
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import Order
from steersman.trading.model.signal import OrderId, Signal

HOLD_NS: Final = 24 * 3600 * 10**9
"""How long a hold waits for a person."""
_REPEATED: Final = "REPEAT_EXECUTION"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The events to append together, and the order to send once they are durable."""

    events: list[NewEvent]
    order: Order | None


def verdict_of(signal: Signal, facts: Facts, judged: Judgement, at: int) -> e.VerdictGiven:
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
        facts=msgspec.structs.astuple(facts),
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
        self._limits: dict[tuple[str, str, str], Limits] = {}
        self._windows: dict[str, int | None] = {}
        self._version = -1

    def decide(self, signal: Signal, *, at: int, snapshot: Snapshot, halts: HaltState, strategy_on: bool) -> Decision:
        """Return the decision on `signal`; its reservation is made, nothing is sent."""
        order_id = order_id_of(signal.strategy, signal.source, signal.signal_id)
        verdict = self._judged(signal, at, snapshot, halts, strategy_on)
        self._state.signal(signal, at)
        record = self._recorder
        stream, key = f"signal/{signal.source}/{signal.signal_id}", (signal.source, signal.signal_id)
        received = record.event(
            e.SIGNAL_RECEIVED,
            e.SignalReceived(signal=signal, at=at),
            at=at,
            stream=stream,
            key=key,
            correlation=order_correlation(order_id),
        )
        given = record.event(e.VERDICT_GIVEN, verdict, at=at, stream=stream, key=key, cause=received)
        entry = journal.of_decision(signal, verdict)
        made = [received, given]
        order = self._order(signal, verdict, order_id, at) if verdict.outcome in ("accept", "adjust") else None
        if order is not None:
            made.append(self._intent(order, signal, verdict, at, given))
            self._state.submitted(order, at)
        if verdict.outcome == "hold":
            made.append(self._hold(signal, verdict, at, given))
        if _REPEATED in verdict.failed:
            made.append(self._stop(signal.strategy, verdict, at, given))
        made.append(record.event(e.JOURNAL_WRITTEN, entry, at=at, stream=stream, key=key, cause=given))
        return Decision(events=made, order=order)

    def _judged(
        self, signal: Signal, at: int, snapshot: Snapshot, halts: HaltState, strategy_on: bool
    ) -> e.VerdictGiven:
        limits, window_ns = self._limits_of(signal, snapshot)
        facts = observed.facts(
            self._state, signal, at=at, halts=halts, strategy_on=strategy_on, duplicate_window_ns=window_ns
        )
        return verdict_of(signal, facts, judge(facts, limits), at)

    def _limits_of(self, signal: Signal, snapshot: Snapshot) -> tuple[Limits, int | None]:
        """Return the limits of a signal, resolved once per policy version."""
        if snapshot.version != self._version:
            self._limits.clear()
            self._windows.clear()
            self._version = snapshot.version
        instrument = self._instruments.get(signal.instrument)
        scope = (signal.strategy, signal.instrument, instrument.venue if instrument is not None else "")
        found = self._limits.get(scope)
        if found is None:
            strategy, name, venue = scope
            found = self._limits[scope] = limits_for(snapshot, strategy=strategy, instrument=name, venue=venue)
            window = snapshot.decimal("trading.duplicate_window", strategy=strategy)
            self._windows[strategy] = None if window is None else int(window * 10**9)
        return found, self._windows[signal.strategy]

    def _order(self, signal: Signal, verdict: e.VerdictGiven, order_id: str, at: int) -> Order:
        return Order(
            order_id=OrderId(order_id),
            strategy=signal.strategy,
            instrument=signal.instrument,
            venue=self._instruments[signal.instrument].venue,
            side=signal.side,
            quantity=verdict.quantity,
            order_type=signal.order_type,
            limit_price=signal.limit_price,
            time_in_force=signal.time_in_force,
            decision_price=signal.price,
            created_at=at,
        )

    def _intent(self, order: Order, signal: Signal, verdict: e.VerdictGiven, at: int, cause: NewEvent) -> NewEvent:
        data = e.OrderSubmitted(
            order_id=order.order_id,
            signal_id=signal.signal_id,
            strategy=order.strategy,
            instrument=order.instrument,
            venue=order.venue,
            side=order.side,
            quantity=order.quantity,
            order_type=order.order_type,
            limit_price=order.limit_price,
            time_in_force=order.time_in_force,
            decision_price=order.decision_price,
            policy_version=verdict.policy_version,
            at=at,
        )
        stream = f"order/{order.order_id}"
        return self._recorder.event(e.ORDER_SUBMITTED, data, at=at, stream=stream, key=(order.order_id,), cause=cause)

    def _hold(self, signal: Signal, verdict: e.VerdictGiven, at: int, cause: NewEvent) -> NewEvent:
        what = f"{signal.side.value} {journal.amount(verdict.quantity)} {signal.instrument} for {signal.strategy}"
        price = "" if signal.price is None else f" at {journal.amount(signal.price)} {self._currency}"
        data = e.ApprovalRequested(
            approval_id=f"trade/{signal.signal_id}",
            kind="trade",
            subject=signal.signal_id,
            what=what + price,
            why=verdict.why,
            expires_at=at + HOLD_NS,
            at=at,
        )
        return self._recorder.event(
            e.HOLD_REQUESTED, data, at=at, stream=f"approval/{signal.signal_id}", key=(signal.signal_id,), cause=cause
        )

    def _stop(self, strategy: str, verdict: e.VerdictGiven, at: int, cause: NewEvent) -> NewEvent:
        """Return the halt of a strategy that was filled suspiciously often; only a person lifts it."""
        data = HaltSet(scope=f"strategy:{strategy}", reason=next(r.why for r in verdict.checks if r.code == _REPEATED))
        key = (strategy, str(at), str(stable_uuid(verdict.signal_id)))
        return self._recorder.event(HALT_SET, data, at=at, stream=HALT_STREAM, key=key, cause=cause)
