"""Our orders as the store and the counterparty's messages tell them, and what is to be reported about them."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Final

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Unavailable
from steersman.trading.adapters.fix.known import Known
from steersman.trading.adapters.fix.store import Store
from steersman.trading.adapters.fix.wire import Message, decode, readable
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import CancelRefused, Ended, OpenOrder, Order, Report
from steersman.trading.model.signal import OrderId

_CANCEL: Final = "-c"
_CANCEL_GONE: Final = "it never arrived at the counterparty; ask again if it is still wanted"
_GONE: Final = "it never arrived at the counterparty, and is not sent again"


class Book:
    """Orders handed over by `submit` and `restore`, by id. For several threads only under the connection's lock."""

    def __init__(self, store: Store, instruments: Mapping[str, Instrument], clock: Clock) -> None:
        self._store = store
        self._instruments = instruments
        self._clock = clock
        self._known: dict[str, Known] = {}
        self._cancels: dict[int, str] = {}
        self._queue: deque[Report | Unavailable] = deque()

    # -- orders --------------------------------------------------------------------------------------------------

    def get(self, order_id: str) -> Known | None:
        """Return an order of this life."""
        return self._known.get(order_id)

    def recall(self, order_id: str) -> Known | None:
        """Return an order of this life or of an earlier one, if it went out."""
        found, kept = self._known.get(order_id), self._store.order(order_id)
        if found is not None:
            return found
        instrument = None if kept is None else self._instruments.get(kept.order.instrument)
        if kept is None or instrument is None or not kept.sent:
            return None
        return self._replayed(kept.order, instrument, kept.base, report=False)

    def keep(self, known: Known, seq: int, raw: bytes) -> None:
        """Write down an order that is about to leave under a number."""
        self._store.add_order(known.order, seq=seq, sent=raw)
        self._known[known.order.order_id] = known

    def was_sent(self, order_id: str) -> bool:
        """Say whether an order of this id went out, or may have."""
        kept, known = self._store.order(order_id), self._known.get(order_id)
        return (kept is not None and kept.sent) or (known is not None and (known.acknowledged or known.base > 0))

    def working(self) -> list[Known]:
        """Return the orders that went out and may still trade."""
        return [known for key, known in self._known.items() if known.is_open and self.was_sent(key)]

    def restore(self, orders: Collection[OpenOrder]) -> list[Known]:
        """Take over what the ledger says is open, report all that was heard of it, and return what may still trade."""
        self._store.forget_all_but({o.order.order_id for o in orders} | self._known.keys())
        new = [opened.order.order_id for opened in orders if opened.order.order_id not in self._known]
        for opened in orders:
            if opened.order.order_id in new:
                self._restore(opened)
        return [known for known in self.working() if known.order.order_id in new]

    def _restore(self, opened: OpenOrder) -> None:
        order, instrument = opened.order, self._instruments.get(opened.order.instrument)
        if instrument is None:
            self.say(f"order {order.order_id} is for {order.instrument}, which is not declared for this venue any more")
            return
        kept = self._store.order(order.order_id)
        if kept is None:
            with self._store.durable():
                self._store.add_order(order, seq=None, sent=None, base=opened.filled)
        known = self._replayed(order, instrument, opened.filled if kept is None else kept.base, report=True)
        known.acknowledged = known.acknowledged or opened.acknowledged
        known.trust(opened.filled)
        self._known[order.order_id] = known

    def _replayed(self, order: Order, instrument: Instrument, base: Decimal, *, report: bool) -> Known:
        """Return the order as the messages tell it that were kept."""
        known = Known(order, instrument, base)
        for frame in self._store.heard(order.order_id):
            found = known.take(decode(frame), self._clock.now_ns())
            if report:
                self._queue.extend(found.reports)
        return known

    # -- cancels -------------------------------------------------------------------------------------------------

    def cancel_id(self, order_id: str) -> str:
        """Return an id for asking for the end of an order; no two are the same."""
        return f"{order_id}{_CANCEL}{self._store.take_id()}"

    def cancel_left(self, order_id: str, seq: int) -> None:
        """Note under which number a wish for an end went out."""
        # After a reset numbers come again: what stood under higher ones is over.
        self._cancels = {number: what for number, what in self._cancels.items() if number < seq} | {seq: order_id}

    def skipped(self, first: int, following: int) -> None:
        """Report the cancels among messages of ours that will not be read."""
        for seq in [seq for seq in self._cancels if first <= seq < following]:
            order_id = self._cancels.pop(seq)
            if self._known[order_id].is_open:
                at = self._clock.now_ns()
                self._queue.append(CancelRefused(order_id=OrderId(order_id), reason=_CANCEL_GONE, at=at))

    # -- what is said about them -----------------------------------------------------------------------------------

    def order_of(self, message: Message) -> str:
        """Return the id of the order that a message is about, "" if it is about none."""
        if message.type in ("8", "9"):
            for tag in (41, 11):
                order_id = (message.get(tag) or "").rpartition(_CANCEL)[0] or message.get(tag) or ""
                if tag == 11 or order_id in self._known or self._store.order(order_id) is not None:
                    return order_id
        seq = message.number(45)
        if message.type not in ("j", "3") or seq is None:
            return ""
        return self._cancels.get(seq) or self._store.order_of(seq) or ""

    def take(self, message: Message, order_id: str, *, is_answer: bool) -> None:
        """Take in a message; an answer to a question is kept only if it told something new."""
        if message.type not in ("8", "9", "j", "3"):
            return
        known = self._known.get(order_id)
        if known is not None:
            found = known.take(message, self._clock.now_ns())
            if found.reports or not is_answer:
                self._store.hear(order_id, message.raw)
            self._queue.extend(found.reports)
            if found.trouble:
                self.say(found.trouble)
        elif not is_answer and order_id and message.type in ("8", "9"):
            self._store.hear(order_id, message.raw)  # `restore` may name it later
        elif not is_answer and message.type in ("j", "3"):
            self.say(f"the counterparty refused a message: {message.shown()}")

    def is_unknown_there(self, order_id: str) -> None:
        """Take in that the counterparty has no order of that id."""
        known = self._known.get(order_id)
        if known is not None and not known.acknowledged:
            self._queue.extend(known.end("rejected", _GONE, self._clock.now_ns()))
        elif known is not None and known.is_open:
            self.say(f"the counterparty acknowledged order {order_id} and knows none of that id now")

    # -- reports -------------------------------------------------------------------------------------------------

    def refuse(self, order: Order, why: str) -> None:
        """Report an order that is not sent at all."""
        self._queue.append(Ended(order_id=order.order_id, how="rejected", reason=why, at=self._clock.now_ns()))

    def say(self, trouble: str) -> None:
        """Have the operator see what no report can say."""
        self._queue.append(Unavailable(readable(trouble), fix="steersman reconcile"))

    def reports(self) -> list[Report]:
        """Return what is to be reported, up to the next trouble.

        Raises:
            Unavailable: that trouble, if it is the next thing to be told; once.
        """
        made: list[Report] = []
        while self._queue:
            first = self._queue[0]
            if isinstance(first, Unavailable):
                if made:
                    break
                self._queue.popleft()
                raise first
            self._queue.popleft()
            made.append(first)
        return made
