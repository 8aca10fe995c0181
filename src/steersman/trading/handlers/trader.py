"""The hot path: bars in, signals through the gate, orders out, and every step in the ledger before it acts.

One session (all bars of one instant) is one round: what the venue did with earlier orders, the book at the new prices,
then strategies, verdicts and intents in one append that is waited for, and only then the sends. All times are the
feed's, all event ids follow from what happened: a round that a crash cut short is done again and writes nothing twice.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from decimal import Decimal
from pathlib import Path

import msgspec

from steersman.kernel.errors import Conflict, OutcomeUnknown
from steersman.ledger import Appended, Event, Ledger, NewEvent
from steersman.policy.store import PolicyStore
from steersman.trading import events as e
from steersman.trading.handlers.decisions import Decider
from steersman.trading.handlers.intake import signal_of
from steersman.trading.handlers.recorded import Recorder, by_instant
from steersman.trading.handlers.restart import Restored, restore
from steersman.trading.handlers.state import State
from steersman.trading.handlers.strategies import FAILURES_IN_A_ROW, Failure, Runner, readable, shown
from steersman.trading.handlers.venue_reports import Reports
from steersman.trading.model.order import Acknowledged, Order
from steersman.trading.model.signal import OrderId, Signal
from steersman.trading.ports import Feed, Session, Venue
from steersman.trading.settings import TradingSettings

_PROGRESS_EVERY = 25


class TradeProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a feed is: `done` of `total` sessions (None: nobody knows)."""

    done: int
    total: int | None
    at: int
    note: str


class TradeSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of a feed took in; `finished` is False when it was stopped."""

    feed: str
    sessions: int
    bars: int
    refused: int
    resumed_after: int
    finished: bool


class Trader:
    """Trades one feed. Not thread-safe: one thread runs it."""

    def __init__(
        self,
        *,
        settings: TradingSettings,
        root: Path,
        capital: Decimal,
        currency: str,
        ledger: Ledger,
        policy: PolicyStore,
        venues: Mapping[str, Venue],
        feed: Feed,
        feed_name: str,
        actor: str = "core",
        on_progress: Callable[[TradeProgress], None] | None = None,
    ) -> None:
        """Prepare; nothing is read or sent before `run`. `capital` and `currency` are the account's."""
        self._settings = settings
        self._ledger = ledger
        self._policy = policy
        self._venues = venues
        self._feed = feed
        self._feed_name = feed_name
        self._on_progress = on_progress or (lambda _: None)
        self._record = Recorder(ledger, actor=actor, feed=feed_name)
        self._state = State(capital=capital, instruments=settings.instruments)
        self._runners = [Runner(name, s, root) for name, s in settings.strategies.items()]
        self._decider = Decider(
            recorder=self._record,
            state=self._state,
            instruments=settings.instruments,
            currency=currency,
        )
        self._reports = Reports(self._record, self._state, currency)
        self._pending: list[Future[Appended]] = []
        self._accepted = 0
        self._refused = 0

    def run(self, stop: threading.Event, *, pace_s: float | None = None) -> TradeSummary:
        """Trade to the end of the feed, or until `stop`; of a feed that was finished before, only bars it got since.

        Args:
            pace_s: seconds to wait after each session; None waits for nothing.

        Raises:
            Misconfigured: the feed cannot be read.
            Unavailable: the ledger does not take events; whatever was not durable was not sent.
        """
        recorded = by_instant(self._ledger)
        before = restore(recorded, self._feed_name)
        total = self._feed.total()
        instants = deque(sorted(at for at in recorded if at <= before.until))
        done, last, began = 0, 0, False
        for session in self._feed.sessions():
            if stop.is_set():
                break
            if session is None:
                continue
            # All that was recorded, also at instants the feed no longer has: the book must not forget a fill.
            while instants and instants[0] <= session.at:
                self._reports.replay(recorded[instants.popleft()])
            if session.at <= before.until:
                self._warm(session)
            else:
                if not began:
                    began = True
                    self._begin(session.at, before)
                self._round(session, recorded.get(session.at, []))
                if pace_s:
                    stop.wait(pace_s)
            done, last = done + 1, session.at
            if done % _PROGRESS_EVERY == 0 or done == total:
                self._tell(done, total, session.at)
        else:
            if began or before.finished is None:
                self._finish(last)
            self._settle(everything=True)
            return self._summary(done, before.resumed_after, finished=True)
        self._settle(everything=True)
        return self._summary(done, before.resumed_after, finished=False)

    # -- one session ---------------------------------------------------------------------------------------------

    def _warm(self, session: Session) -> None:
        """Bring strategies and statistics to where they were; what was decided is taken from the record."""
        self._count(session)
        for bar in session.bars:
            self._state.bar(bar)
        self._listen(session)
        self._state.book.close_session()

    def _listen(self, session: Session) -> None:
        """Show the strategies bars whose decisions were made in an earlier life: what they say is not heard."""
        for runner in self._runners:
            for bar in session.bars:
                runner.on_bar(bar)

    def _begin(self, at: int, before: Restored) -> None:
        """Say that trading starts, and hand the venues what was open."""
        for name, venue in self._venues.items():
            venue.restore([o for o in self._state.open_orders() if o.order.venue == name])
        data = e.FeedStarted(
            feed=self._feed_name,
            source=self._feed.source,
            instruments=tuple(self._settings.instruments),
            resumed_after=before.resumed_after,
            at=at,
        )
        self._soon([self._record.feed_event(e.FEED_STARTED, data, at=at, key=(str(before.starts),))])
        for runner in self._runners:
            if runner.broken is not None:
                self._soon(self._failed(runner, runner.broken, at, key="load"))

    def _round(self, session: Session, recorded: Sequence[Event]) -> None:
        """Do one session; `recorded` is what an earlier life, cut short in it, made durable."""
        at = session.at
        self._count(session)
        # Before the bar can fill them. In a round done again the fill may be in the ledger already: then after it.
        cancelled = [] if recorded else self._cancel_halted(at)
        self._look_up(at)
        for bar in session.bars:
            for venue in self._venues.values():
                venue.on_bar(bar)
        reports = self._take_reports(at)
        # A simulated venue reports the same once more and it is known by its ids; a real one does not: the rest.
        self._reports.replay(recorded)
        for bar in session.bars:
            self._state.bar(bar)
        self._soon([*self._about_data(session), *cancelled, *reports, *(self._cancel_halted(at) if recorded else [])])
        if any(event.type == e.SIGNAL_RECEIVED for event in recorded):
            # Decisions of a session are one append: what stands there is all of it, and it stands.
            self._listen(session)
            self._send_again(at)
        else:
            self._decide(session)
        self._state.book.close_session()
        self._soon([*self._take_reports(at), self._marked(at)])
        self._settle()

    def _decide(self, session: Session) -> None:
        decided, orders = self._decisions(session)
        if not decided:
            return
        # Durable before anything leaves: an order nobody can prove is an order that must not exist.
        self._ledger.append(decided)
        self._settle()
        for order in orders:
            self._send(order, session.at)

    def _send_again(self, at: int) -> None:
        """Send what an earlier life decided at `at` and may not have sent; a venue that has it says so."""
        for found in self._state.open_orders():
            order = found.order
            if order.created_at == at and order.order_id not in self._state.unknown:
                self._send(order, at)

    def _decisions(self, session: Session) -> tuple[list[NewEvent], list[Order]]:
        """Return the events of everything the strategies want after this session, and the orders to send."""
        events: list[NewEvent] = []
        orders: list[Order] = []
        for runner in self._runners:
            number = 0
            for bar in session.bars:
                wanted, failure = runner.on_bar(bar)
                if failure is not None:
                    events += self._failed(runner, failure, session.at, key=bar.instrument)
                for said in wanted:
                    number += 1
                    made = self._signal(runner.name, said, number, session.at)
                    if isinstance(made, NewEvent):
                        events.append(made)
                        continue
                    decision = self._decider.decide(
                        made,
                        at=session.at,
                        snapshot=self._policy.current(),
                        halts=self._policy.current_halts(),
                        strategy_on=not runner.stopped,
                    )
                    events += decision.events
                    if decision.order is not None:
                        orders.append(decision.order)
        return events, orders

    def _signal(self, strategy: str, said: object, number: int, at: int) -> Signal | NewEvent:
        """Return the signal, or the event that refuses what was said."""
        try:
            return signal_of(
                said,
                strategy=strategy,
                number=number,
                at=at,
                instruments=self._settings.instruments,
                prices=self._state.book.prices,
            )
        except Exception as exc:  # noqa: BLE001 - what a strategy says may be any object, with any code behind it
            source = f"strategy:{strategy}"
            data = e.SignalRefused(
                source=source, strategy=strategy, reason=readable(str(exc)), found=shown(said), at=at
            )
            key = (strategy, str(at), str(number))
            return self._record.event(e.SIGNAL_REFUSED, data, at=at, stream=f"strategy/{strategy}", key=key)

    def _send(self, order: Order, at: int) -> None:
        """Send once, unless a halt came between the decision and now."""
        halted = self._policy.current_halts().covering(
            venue=order.venue, strategy=order.strategy, instrument=order.instrument
        )
        if halted is not None:
            self._state.ended(order.order_id)
            self._soon([self._record.ended("cancelled", order.order_id, f"halted before it was sent ({halted})", at)])
            return
        try:
            self._venues[order.venue].submit(order)
        except Conflict:
            return  # an earlier life of this trader sent it; the venue's reports say what became of it
        except OutcomeUnknown as exc:
            # It may be out there. Until somebody looked it up, nothing more goes out in this instrument.
            self._state.unknown[order.order_id] = order.instrument
            data = e.OrderEnded(order_id=order.order_id, reason=exc.message, at=at)
            self._soon([self._record.order_event(e.ORDER_UNKNOWN, data, at=at, order_id=order.order_id)])

    def _look_up(self, at: int) -> None:
        """Ask the venues for orders of unknown outcome: one that is there was sent, and unblocks its instrument."""
        if not self._state.unknown:
            return
        for name, venue in self._venues.items():
            there = [o for o in venue.open_orders() if o.order_id in self._state.unknown]
            found = [Acknowledged(order_id=OrderId(o.order_id), venue_order_id=o.venue_order_id, at=at) for o in there]
            self._soon(self._reports.take(name, found, at))

    # -- events --------------------------------------------------------------------------------------------------

    def _take_reports(self, at: int) -> list[NewEvent]:
        return [event for name, venue in self._venues.items() for event in self._reports.take(name, venue.poll(), at)]

    def _cancel_halted(self, at: int) -> list[NewEvent]:
        """Ask for the end of open orders that a halt covers; what the venue says to that is reported."""
        halts = self._policy.current_halts()
        if not halts.reasons:
            return []
        for found in self._state.open_orders():
            order = found.order
            if halts.covering(venue=order.venue, strategy=order.strategy, instrument=order.instrument) is not None:
                self._venues[order.venue].cancel(order.order_id)
        return self._take_reports(at)

    def _about_data(self, session: Session) -> list[NewEvent]:
        """Return what the feed could not use, and its gaps."""
        made = []
        for bad in session.bad:
            refused = e.BarRejected(
                feed=self._feed_name,
                instrument=bad.instrument,
                reason=bad.reason,
                found=bad.found,
                place=bad.place,
                at=session.at,
            )
            key = (bad.instrument, bad.place)
            made.append(self._record.feed_event(e.BAR_REJECTED, refused, at=session.at, key=key))
        for gap in session.gaps:
            found = e.GapFound(
                feed=self._feed_name,
                instrument=gap.instrument,
                missing=gap.missing,
                from_at=gap.from_at,
                to_at=gap.to_at,
                at=session.at,
            )
            key = (gap.instrument, str(gap.to_at))
            made.append(self._record.feed_event(e.GAP_FOUND, found, at=session.at, key=key))
        return made

    def _failed(self, runner: Runner, failure: Failure, at: int, *, key: str) -> list[NewEvent]:
        """Return that a strategy raised, and that it gets no more bars, if so."""
        stream, name = f"strategy/{runner.name}", runner.name
        data = e.StrategyFailed(strategy=name, error=failure.error, traceback=failure.traceback, at=at)
        made = [self._record.event(e.STRATEGY_FAILED, data, at=at, stream=stream, key=(name, str(at), key))]
        if runner.stopped:
            why = "it could not be loaded" if runner.broken else f"it failed {FAILURES_IN_A_ROW} times in a row"
            off = e.StrategyDisabled(strategy=name, reason=f"{why}: {failure.error}", at=at)
            made.append(self._record.event(e.STRATEGY_DISABLED, off, at=at, stream=stream, key=(name, str(at))))
        return made

    def _marked(self, at: int) -> NewEvent:
        book = self._state.book
        held = book.positions()
        values = {name: units * book.price(name) for name, units in held.items()}
        data = e.AccountMarked(
            equity=book.marked,
            cash=book.cash,
            gross=sum((abs(v) for v in values.values()), Decimal(0)),
            net=sum(values.values(), Decimal(0)),
            realised_pnl=book.realised,
            day_pnl=book.marked - book.before,
            drawdown_ratio=round(float(book.drawdown()), 9),
            at=at,
            prices={name: book.price(name) for name in held},
        )
        return self._record.event(e.ACCOUNT_MARKED, data, at=at, stream="account/main", key=(self._feed_name, str(at)))

    def _finish(self, at: int) -> None:
        data = e.FeedFinished(feed=self._feed_name, accepted=self._accepted, rejected=self._refused, at=at)
        self._soon([self._record.feed_event(e.FEED_FINISHED, data, at=at, key=(str(at),))])

    # -- the ledger ----------------------------------------------------------------------------------------------

    def _soon(self, events: list[NewEvent]) -> None:
        if events:
            self._pending.append(self._ledger.append_soon(events))

    def _settle(self, *, everything: bool = False) -> None:
        """Raise what an append that nobody waited for ran into; the queue keeps its order: the first is the cause."""
        if everything:
            for future in self._pending:
                future.result()
            self._pending.clear()
            return
        while self._pending and self._pending[0].done():
            self._pending.pop(0).result()

    # -- counting ------------------------------------------------------------------------------------------------

    def _count(self, session: Session) -> None:
        self._accepted += len(session.bars)
        self._refused += len(session.bad)

    def _tell(self, done: int, total: int | None, at: int) -> None:
        note = f"equity {self._state.book.marked:,.0f}"
        self._on_progress(TradeProgress(done=done, total=total, at=at, note=note))

    def _summary(self, done: int, resumed_after: int, *, finished: bool) -> TradeSummary:
        return TradeSummary(
            feed=self._feed_name,
            sessions=done,
            bars=self._accepted,
            refused=self._refused,
            resumed_after=resumed_after,
            finished=finished,
        )
