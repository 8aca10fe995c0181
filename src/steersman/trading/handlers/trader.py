"""The hot path: bars in, signals through the gate, orders out, and every step in the ledger before it acts.

One session (all bars of one instant) is one round: what the venues did with earlier orders, the book at the new prices,
then strategies, verdicts and intents in one append that is waited for, and only then the sends. Between rounds, and for
as long as the desk stays up, people and programs are served: their signals, answers, cancels and halts. All event ids
follow from what happened: a round that a crash cut short is done again and writes nothing twice.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from steersman.kernel.clock import Clock
from steersman.ledger import Event, Ledger, NewEvent
from steersman.policy.store import PolicyStore
from steersman.trading import events as e
from steersman.trading.calendars import Calendar
from steersman.trading.handlers.answers import Answers
from steersman.trading.handlers.decisions import Decider
from steersman.trading.handlers.declared import declared
from steersman.trading.handlers.dispatch import Dispatch
from steersman.trading.handlers.exits import Exits
from steersman.trading.handlers.fold import Fold
from steersman.trading.handlers.guardrails import Guardrails
from steersman.trading.handlers.recorded import Recorder, by_instant
from steersman.trading.handlers.restart import Restored, restore
from steersman.trading.handlers.serving import LOOK_S, Serving
from steersman.trading.handlers.state import State
from steersman.trading.handlers.strategies import Runner
from steersman.trading.handlers.telling import Writing, about_data, account_mark
from steersman.trading.handlers.venue_reports import Reports
from steersman.trading.handlers.wishes import Wishes
from steersman.trading.ports import Feed, Session, Venue
from steersman.trading.settings import TradingSettings

_PROGRESS_EVERY: Final = 25
_HELD: Final = 64
"""Events of a replay that are held back at most: about twenty sessions without a decision."""


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
        clock: Clock,
        calendars: Mapping[str, Calendar] | None = None,
        actor: str = "core",
        on_progress: Callable[[TradeProgress], None] | None = None,
        look_s: float = LOOK_S,
    ) -> None:
        """Prepare; nothing is read or sent before `run`. `capital` and `currency` are the account's.

        `calendars` are those that instruments name; one that is missing denies. `look_s` is how long a venue with a
        life of its own may go unasked.
        """
        self._settings = settings
        self._ledger = ledger
        self._policy = policy
        self._feed = feed
        self._feed_name = feed_name
        self._clock = clock
        self._on_progress = on_progress or (lambda _: None)
        self._record = Recorder(ledger, actor=actor, feed=feed_name)
        self._writing = Writing(ledger)
        self._state = State(capital=capital, instruments=settings.instruments, declared=declared(settings, calendars))
        self._fold = Fold(self._state)
        runners = {name: Runner(name, s, root) for name, s in settings.strategies.items()}
        decider = Decider(recorder=self._record, state=self._state, instruments=settings.instruments, currency=currency)
        self._dispatch = Dispatch(
            venues=venues,
            state=self._state,
            recorder=self._record,
            reports=Reports(self._record, self._state, currency, ledger),
            policy=policy,
            clock=clock,
            writing=self._writing,
        )
        self._answers = Answers(
            ledger=ledger,
            state=self._state,
            recorder=self._record,
            decider=decider,
            exits=Exits(self._state, venues),
            policy=policy,
            clock=clock,
            runners=runners,
        )
        self._wishes = Wishes(list(runners.values()), decider=decider, recorder=self._record, state=self._state)
        self._guardrails = Guardrails(self._record, currency)
        self._serving = Serving(
            state=self._state,
            recorder=self._record,
            dispatch=self._dispatch,
            answers=self._answers,
            writing=self._writing,
            clock=clock,
            ledger=ledger,
            policy=policy,
            guardrails=self._guardrails,
            look_s=look_s,
        )
        self._accepted = 0
        self._refused = 0
        self._at = 0

    def run(self, stop: threading.Event, *, pace_s: float | None = None, stay: bool = False) -> TradeSummary:
        """Trade to the end of the feed, or until `stop`; of a feed that was finished before, only bars it got since.

        Args:
            pace_s: seconds to wait after each session; None waits for nothing.
            stay: once the feed has ended, go on serving requests and venues until `stop`.

        Raises:
            Misconfigured: the feed cannot be read.
            Unavailable: the ledger does not take events; whatever was not durable was not sent.
        """
        try:
            return self._run(stop, pace_s, stay=stay)
        finally:
            self._dispatch.close()

    def _run(self, stop: threading.Event, pace_s: float | None, *, stay: bool) -> TradeSummary:
        self._paced = bool(pace_s)
        recorded = by_instant(self._ledger)
        before = restore(recorded, self._feed_name)
        total = self._feed.total()
        self._instants = deque(sorted(recorded))
        done, began = 0, False
        for session in self._feed.sessions():
            if stop.is_set():
                break
            if session is None:
                began = self._stand(recorded, before, began=began)
                self._serving.wait(stop)
                continue
            # All that was recorded, also at instants the feed no longer has: the book must not forget a fill. What
            # stands of a round that was cut short is taken in by that round, for simulated venues do its bar again;
            # venues with a memory of their own are asked about its orders before anything is sent.
            cut_short = session.at > before.until and not self._dispatch.asks_elsewhere
            self._recall(recorded, until=session.at - 1 if cut_short else session.at)
            self._at = max(self._at, session.at)
            if session.at <= before.until:
                self._warm(session)
            else:
                if not began:
                    began = True
                    self._begin(session.at, before)
                self._round(session, recorded.get(session.at, []))
                self._serve()
                if pace_s:
                    stop.wait(pace_s)
            done += 1
            if done % _PROGRESS_EVERY == 0 or done == total:
                self._tell(done, total, session.at)
        else:
            if began or before.finished is None:
                self._finish(self._at)
            if stay and not stop.is_set():
                self._stand(recorded, before, began=began)
                while not stop.is_set():
                    self._serving.wait(stop)
                    self._serve()
            self._writing.settle(everything=True)
            return self._summary(done, before.resumed_after, finished=True)
        self._writing.settle(everything=True)
        return self._summary(done, before.resumed_after, finished=False)

    # -- an earlier life -----------------------------------------------------------------------------------------

    def _recall(self, recorded: Mapping[int, Sequence[Event]], *, until: int | None = None) -> None:
        """Fold what was recorded up to the instant `until`, or all of it."""
        while self._instants and (until is None or self._instants[0] <= until):
            self._fold.take(recorded[self._instants.popleft()])

    def _stand(self, recorded: Mapping[int, Sequence[Event]], before: Restored, *, began: bool) -> bool:
        """Be where an earlier life was, without a session to begin at; then serve."""
        if not began:
            self._recall(recorded)
            self._begin(self._now(), before, over=before.finished is not None and not self._feed.live)
        self._serve()
        return True

    def _warm(self, session: Session) -> None:
        """Bring strategies and statistics to where they were; what was decided is taken from the record."""
        self._count(session)
        self._market(session)
        self._wishes.listen(session)
        self._close(session)

    def _close(self, session: Session) -> None:
        """End a session, where a session is a day; a desk that lives by the clock ends its days by the clock."""
        if not self._feed.live:
            self._state.book.close_session()

    def _market(self, session: Session) -> None:
        for gap in session.gaps:
            self._state.history.gap(gap)
        for bar in session.bars:
            self._state.bar(bar)

    def _begin(self, at: int, before: Restored, *, over: bool = False) -> None:
        """Say that trading starts, unless the feed was `over` before, and hand the venues what was open."""
        if not over:
            self._say_started(at, before)
        self._writing.soon(self._wishes.broken(at))
        self._serving.begin(at)

    def _say_started(self, at: int, before: Restored) -> None:
        data = e.FeedStarted(
            feed=self._feed_name,
            source=self._feed.source,
            instruments=tuple(self._settings.instruments),
            resumed_after=before.resumed_after,
            at=at,
        )
        self._writing.soon([self._record.feed_event(e.FEED_STARTED, data, at=at, key=(str(before.starts),))])

    # -- one session ---------------------------------------------------------------------------------------------

    def _round(self, session: Session, recorded: Sequence[Event]) -> None:
        """Do one session; `recorded` is what an earlier life, cut short in it, made durable."""
        at = session.at
        self._count(session)
        # Before the bar can fill them. In a round done again the fill may be in the ledger already: then after it.
        cancelled = [] if recorded else self._cancel_halted(at)
        self._writing.soon(self._dispatch.look_up(at))
        for bar in session.bars:
            for venue in self._dispatch.venues.values():
                venue.on_bar(bar)
        reports = self._dispatch.reports(at)
        # A simulated venue reports the same once more and it is known by its ids; a real one does not: the rest.
        self._recall({at: recorded}, until=at)
        self._market(session)
        self._writing.soon(
            [
                *about_data(self._record, session, self._feed_name),
                *cancelled,
                *reports,
                *(self._cancel_halted(at) if recorded else []),
            ]
        )
        if any(event.type == e.SIGNAL_RECEIVED for event in recorded):
            # Decisions of a session are one append: what stands there is all of it, and it stands.
            self._wishes.listen(session)
            self._send_again(at)
        else:
            self._decide(session)
        self._close(session)
        mark = account_mark(self._state, at) if not self._feed.live else self._mark_of_bars(at)
        marked = self._record.event(
            e.ACCOUNT_MARKED, mark, at=at, stream="account/main", key=(self._feed_name, str(at))
        )
        halts = self._guardrails.of_mark(mark, self._policy.current(), self._policy.current_halts())
        self._writing.soon([*self._dispatch.reports(at), *halts, marked])
        # A desk that somebody looks at is written at once; a replay at full speed, with its next decision.
        self._writing.flush(least=1 if self._feed.live or self._paced else _HELD)
        self._writing.settle()

    def _mark_of_bars(self, at: int) -> e.AccountMarked:
        """Return a mark that ends a round, and with it what a restart need not do again, and no day."""
        return msgspec.structs.replace(account_mark(self._state, at, session=False), session=True)

    def _cancel_halted(self, at: int) -> list[NewEvent]:
        """Ask for the end of open orders that a halt covers; what the venue says to that is reported."""
        asked, _ = self._dispatch.cancel_halted(at)
        return self._dispatch.reports(at) if asked else []

    def _decide(self, session: Session) -> None:
        now = max(session.at, self._now()) if self._feed.live else session.at
        decisions = [
            *self._wishes.decisions(session, partial(self._answers.moment, session.at, now)),
            *self._answers.replacements(session.at, now),
            *self._answers.exits(session.at, now),
        ]
        decided = [event for decision in decisions for event in decision.events]
        if not decided:
            return
        # Durable before anything leaves: an order nobody can prove is an order that must not exist.
        self._writing.now(decided)
        for decision in decisions:
            if decision.order is not None:
                self._dispatch.send(decision.order, session.at)

    def _send_again(self, at: int) -> None:
        """Send to simulated venues what an earlier life decided at `at`; one that has it says so.

        Others were asked at the start what became of it (`Comparing.take_up`).
        """
        for found in list(self._state.open.values()):
            order = found.order
            simulated = self._dispatch.venues[order.venue].simulated
            if simulated and order.created_at == at and order.order_id not in self._state.unknown:
                self._dispatch.send(order, at)

    # -- between sessions ----------------------------------------------------------------------------------------

    def _now(self) -> int:
        """Return the desk's time: that of the feed, if it is a replayed one."""
        return max(self._clock.now_ns(), self._at) if self._feed.live else self._at

    def _serve(self) -> None:
        now = self._now()
        self._serving.serve(now)
        if self._feed.live:
            self._serving.mark(now)

    def _finish(self, at: int) -> None:
        data = e.FeedFinished(feed=self._feed_name, accepted=self._accepted, rejected=self._refused, at=at)
        self._writing.soon([self._record.feed_event(e.FEED_FINISHED, data, at=at, key=(str(at),))])

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
