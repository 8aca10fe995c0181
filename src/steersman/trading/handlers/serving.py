"""Between two sessions, and as long as the desk stays up: what people ask, what venues report, what falls due."""

from __future__ import annotations

import threading
from typing import Final

import msgspec

from steersman.kernel.clock import Clock
from steersman.ledger import Event, Ledger, NewEvent, Subscription
from steersman.policy.events import HALT_LIFTED, HALT_SET, HaltSet
from steersman.policy.store import PolicyStore
from steersman.trading import events as e
from steersman.trading.handlers.answers import Answers
from steersman.trading.handlers.comparing import Comparing
from steersman.trading.handlers.decisions import Decision
from steersman.trading.handlers.dispatch import Dispatch
from steersman.trading.handlers.guardrails import Guardrails
from steersman.trading.handlers.recorded import Recorder
from steersman.trading.handlers.requests import Requests
from steersman.trading.handlers.state import State
from steersman.trading.handlers.telling import Writing, account_mark

LOOK_S: Final = 0.25
"""How long a venue with a life of its own may go unasked; each has a pace of its own on top."""
_IDLE_S: Final = 1.0
_MARK_EVERY_NS: Final = 60 * 10**9
_DAY_NS: Final = 86_400 * 10**9


class Serving:
    """Serves one trader; called by its thread."""

    def __init__(
        self,
        *,
        state: State,
        recorder: Recorder,
        dispatch: Dispatch,
        answers: Answers,
        writing: Writing,
        clock: Clock,
        ledger: Ledger,
        policy: PolicyStore,
        guardrails: Guardrails,
        look_s: float,
    ) -> None:
        self._state = state
        self._record = recorder
        self._dispatch = dispatch
        self._answers = answers
        self._writing = writing
        self._clock = clock
        self._ledger = ledger
        self._requests = Requests(ledger)
        self._policy = policy
        self._guardrails = guardrails
        self._look_s = look_s
        self._comparing = Comparing(state=state, recorder=recorder, dispatch=dispatch, writing=writing, clock=clock)
        self._counted = 0
        self._waits = False
        """Whether there is time between two looks, so that nothing needs to be held back."""
        self._tail: Subscription | None = None

    def begin(self, at: int) -> None:
        """Hand the venues what was open, find out what became of it, and compare."""
        self._counted = self._ledger.head().pos
        self._state.resumes = sum(1 for event in self._ledger.read(types=(HALT_LIFTED,)) if event.pos <= self._counted)
        for name, venue in self._dispatch.venues.items():
            venue.restore([o for o in self._state.open_orders() if o.order.venue == name])
        self._writing.soon(self._dispatch.reports(at))
        for name, venue in self._dispatch.venues.items():
            if not venue.simulated:
                self._comparing.take_up(name, at)
                self._comparing.start(name, f"start-{self._ledger.head().pos}", at)

    def serve(self, at: int) -> None:
        """Do everything that is to be done at the instant `at`."""
        asked = self._requests.next()
        # A halt is obeyed before anything else is thought about.
        self._obey(asked, at)
        self._dispatch.again()
        self._take_quotes()
        self._writing.soon(self._dispatch.reports(at))
        self._writing.soon(self._dispatch.look_up(at))
        self._decided(self._answers.replacements(at, at), at)
        for order_id in self._answers.to_swap():
            self._dispatch.cancel(order_id)
        while asked:
            self._answer(asked, at)
            asked = self._requests.next()
            self._obey(asked, at)
        self._comparing.again(at)
        self._decided(self._answers.exits(at, at), at)
        self._answers.expire(at, at)
        if self._waits:
            self._writing.flush()
        self._writing.settle()

    def mark(self, at: int) -> None:
        """Mark the account of a desk that lives by the clock, once a minute and when a day ends (UTC)."""
        book, before = self._state.book, self._state.marked_at
        if at - before < _MARK_EVERY_NS:
            return
        if before and at // _DAY_NS > before // _DAY_NS:
            book.close_day(book.equity())
        self._state.marked_at = at
        mark = account_mark(self._state, at, session=False)
        book.peak = max(book.peak, mark.equity)
        marked = self._record.event(e.ACCOUNT_MARKED, mark, at=at, stream="account/main", key=("clock", str(at)))
        halts = self._guardrails.of_mark(mark, self._policy.current(), self._policy.current_halts())
        self._writing.soon([marked, *halts])
        if halts:
            self._dispatch.cancel_halted(at)
            self._writing.soon(self._dispatch.reports(at))

    def wait(self, stop: threading.Event) -> None:
        """Return when something was asked, or a venue should be; at once if `stop` is set."""
        if stop.is_set():
            return
        self._waits = True
        self._writing.flush()
        if self._tail is None:
            self._tail = self._ledger.subscribe(after=self._ledger.head().pos)
            return
        self._tail.next(self._look_s if self._dispatch.asks_elsewhere else _IDLE_S)

    # -- what was asked ------------------------------------------------------------------------------------------

    def _answer(self, asked: list[Event], at: int) -> None:
        """Act on requests in order; signals of one go are one append."""
        decisions: list[Decision] = []
        for event in asked:
            if event.type == HALT_SET:
                continue  # obeyed before
            if event.type == HALT_LIFTED:
                self._state.resumes += event.pos > self._counted
                continue
            if event.type == e.SIGNAL_SUBMITTED:
                decision = self._answers.submitted(event, at, at)
                decisions += [decision] if decision is not None else []
                continue
            # Whatever else was asked comes after the signals before it.
            self._decided(decisions, at)
            decisions = []
            self._act(event, at)
        self._decided(decisions, at)

    def _act(self, event: Event, at: int) -> None:
        if event.type == e.APPROVAL_GRANTED:
            decision = self._answers.granted(event, at, at)
            self._decided([decision] if decision is not None else [], at)
        elif event.type == e.APPROVAL_DENIED:
            self._writing.soon(self._answers.denied(event, at))
        elif event.type == e.ORDER_CANCEL_REQUESTED:
            order_id = msgspec.json.decode(event.data, type=e.OrderCancelRequested).order_id
            self._state.take_over(order_id)
            self._cancel(order_id, at)
        elif event.type == e.ORDER_REPLACE_REQUESTED:
            to_cancel, dropped = self._answers.wants_replacement(event, at, at)
            self._writing.soon(dropped)
            if to_cancel is not None:
                self._cancel(to_cancel, at)
        elif event.type == e.RECONCILE_REQUESTED:
            self._comparing.asked(event, at)

    def _cancel(self, order_id: str, at: int) -> None:
        self._dispatch.cancel(order_id)
        self._writing.soon(self._dispatch.reports(at))
        self._decided(self._answers.replacements(at, at), at)

    def _decided(self, decisions: list[Decision], at: int) -> None:
        """Make decisions durable, then send what they allow."""
        events = [event for decision in decisions for event in decision.events]
        if not events:
            return
        self._writing.now(events)
        for decision in decisions:
            if decision.order is not None:
                self._dispatch.send(decision.order, at)
        self._writing.soon(self._dispatch.reports(at))

    def _obey(self, asked: list[Event], at: int) -> None:
        """End the open orders that halts cover, and say how long after a new halt the last one was asked for."""
        halts = [event for event in asked if event.type == HALT_SET]
        orders, unreached = self._dispatch.cancel_halted(at)
        now = self._clock.now_ns()
        if orders:
            self._writing.soon(self._dispatch.reports(at))
        made: list[NewEvent] = []
        for event in halts:
            if self._record.said(e.HALT_OBEYED, str(event.id)):
                continue
            scope = msgspec.json.decode(event.data, type=HaltSet).scope
            took_ms = max(now - event.recorded_at, 0) / 1e6
            data = e.HaltObeyed(
                scope=scope, halt_pos=event.pos, orders=orders, refused=unreached, took_ms=round(took_ms, 3), at=at
            )
            key = (str(event.id),)
            made.append(self._record.event(e.HALT_OBEYED, data, at=at, stream="policy/halts", key=key, cause=event))
        self._writing.soon(made)

    # -- venues --------------------------------------------------------------------------------------------------

    def _take_quotes(self) -> None:
        for quote in self._dispatch.quotes():
            self._state.quote(quote)
