"""Writing to the ledger without waiting, and the events that only tell: marks, bad data, failing strategies."""

from __future__ import annotations

from concurrent.futures import Future
from decimal import Decimal

from steersman.ledger import Appended, Ledger, NewEvent
from steersman.policy.events import HALT_SET
from steersman.trading import events as e
from steersman.trading.handlers.recorded import Recorder
from steersman.trading.handlers.state import State
from steersman.trading.handlers.strategies import FAILURES_IN_A_ROW, Failure, Runner
from steersman.trading.ports import Session


class Writing:
    """Appends in order. What nobody has to wait for is kept back a little, and goes with the next append that is waited
    for: one commit for a round's reports and its decisions. What an append ran into is raised at the next look.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._held: list[NewEvent] = []
        self._pending: list[Future[Appended]] = []

    def soon(self, events: list[NewEvent]) -> None:
        """Write `events` with the next append, or the next `flush`; a halt among them is waited for.

        The next decision reads halts from the ledger: one that is held back would not stop it.
        """
        if any(event.type == HALT_SET for event in events):
            self.now(events)
        else:
            self._held += events

    def at_once(self, events: list[NewEvent]) -> None:
        """Write `events` without waiting and without holding them back: what a next life must not have to guess."""
        self.soon(events)
        self.flush()

    def now(self, events: list[NewEvent]) -> None:
        """Make `events` durable, and what was held before them; return when they are.

        Raises:
            Unavailable: nothing of it was written, or something before it was not.
        """
        held, self._held = self._held, []
        self._ledger.append([*held, *events])
        self.settle()

    def flush(self, *, least: int = 1) -> None:
        """Write what is held without waiting, if it is at least so many events."""
        if len(self._held) >= least:
            held, self._held = self._held, []
            self._pending.append(self._ledger.append_soon(held))

    def settle(self, *, everything: bool = False) -> None:
        """Raise what went wrong; the queue keeps its order: the first is the cause."""
        if everything:
            self.flush()
            for future in self._pending:
                future.result()
            self._pending.clear()
            return
        while self._pending and self._pending[0].done():
            self._pending.pop(0).result()


def account_mark(state: State, at: int, *, session: bool = True) -> e.AccountMarked:
    """Return the account at the last prices, at the end of a session that was closed, or within a day."""
    book = state.book
    equity = book.marked if session else book.equity()
    held = book.positions()
    values = {name: units * book.price(name) for name, units in held.items()}
    return e.AccountMarked(
        equity=equity,
        cash=book.cash,
        gross=sum((abs(v) for v in values.values()), Decimal(0)),
        net=sum(values.values(), Decimal(0)),
        realised_pnl=book.realised,
        day_pnl=book.marked - book.before if session else equity - book.marked,
        drawdown_ratio=round(float(book.drawdown()), 9),
        at=at,
        prices={name: book.price(name) for name in held},
        session=session,
    )


def about_data(recorder: Recorder, session: Session, feed: str) -> list[NewEvent]:
    """Return what the feed could not use, and its gaps."""
    made = []
    for bad in session.bad:
        refused = e.BarRejected(
            feed=feed, instrument=bad.instrument, reason=bad.reason, found=bad.found, place=bad.place, at=session.at
        )
        key = (bad.instrument, bad.place)
        made.append(recorder.feed_event(e.BAR_REJECTED, refused, at=session.at, key=key))
    for gap in session.gaps:
        found = e.GapFound(
            feed=feed,
            instrument=gap.instrument,
            missing=gap.missing,
            from_at=gap.from_at,
            to_at=gap.to_at,
            at=session.at,
        )
        key = (gap.instrument, str(gap.to_at))
        made.append(recorder.feed_event(e.GAP_FOUND, found, at=session.at, key=key))
    return made


def failure_events(recorder: Recorder, runner: Runner, failure: Failure, at: int, *, key: str) -> list[NewEvent]:
    """Return that a strategy raised, and that it gets no more bars, if so."""
    stream, name = f"strategy/{runner.name}", runner.name
    data = e.StrategyFailed(strategy=name, error=failure.error, traceback=failure.traceback, at=at)
    made = [recorder.event(e.STRATEGY_FAILED, data, at=at, stream=stream, key=(name, str(at), key))]
    if runner.stopped:
        why = "it could not be loaded" if runner.broken else f"it failed {FAILURES_IN_A_ROW} times in a row"
        off = e.StrategyDisabled(strategy=name, reason=f"{why}: {failure.error}", at=at)
        made.append(recorder.event(e.STRATEGY_DISABLED, off, at=at, stream=stream, key=(name, str(at))))
    return made
