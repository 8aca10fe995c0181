"""The venue: orders out under our ids, what the counterparty says about them in."""

from __future__ import annotations

import importlib.util
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final
from urllib.parse import quote

from steersman.kernel import references
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Conflict, Misconfigured, Unavailable
from steersman.trading.adapters.fix import requests
from steersman.trading.adapters.fix.known import Known, told
from steersman.trading.adapters.fix.link import Link
from steersman.trading.adapters.fix.questions import Question, Questions, held
from steersman.trading.adapters.fix.settings import FixSettings
from steersman.trading.adapters.fix.wire import Message, decode, readable
from steersman.trading.model.bar import Bar
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import (
    CancelRefused,
    Ended,
    OpenOrder,
    Order,
    Quote,
    Report,
    VenueOrder,
    VenuePosition,
)
from steersman.trading.model.signal import OrderId

_CANCEL: Final = "-c"
_CANCEL_GONE: Final = "it never arrived at the counterparty; ask again if it is still wanted"
_GONE: Final = "it never arrived at the counterparty, and is not sent again"


class FixVenue:
    """A FIX session as a venue. The calls are for one thread; the connection has its own."""

    name = "fix"
    simulated = False
    oco = False

    def __init__(self, settings: FixSettings, instruments: Mapping[str, Instrument], root: Path, clock: Clock) -> None:
        self._settings = settings
        self._instruments = instruments
        self._named = {instrument.symbol or name: name for name, instrument in instruments.items()}
        self._root = root
        self._clock = clock
        self._link_or_none: Link | None = None
        self._closed = False
        self._to_restore: list[OpenOrder] | None = None
        self._known: dict[str, Known] = {}
        self._cancels: dict[int, str] = {}
        self._questions = Questions()
        self._queue: deque[Report | Unavailable] = deque()

    # -- the port ------------------------------------------------------------------------------------------------

    def submit(self, order: Order) -> None:
        link, order_id = self._link(), order.order_id
        with link.lock:
            if self._was_sent(order_id):
                raise Conflict(f"order {order_id} was sent to the venue already", fix="look it up; an id is sent once")
            instrument = self._instruments.get(order.instrument)
            why = requests.refusal(order, instrument)
            if why or instrument is None:
                self._queue.append(Ended(order_id=order_id, how="rejected", reason=why, at=self._clock.now_ns()))
                return
        link.require_up()
        with link.lock:
            known = Known(order, instrument)
            body = requests.new_order(order, instrument, self._settings, self._clock.now_ns())
            # Known before it leaves: once kept, it may be out there whatever the write says.
            link.send("D", body, lambda seq, raw: self._keep(known, seq, raw))

    def cancel(self, order_id: OrderId) -> None:
        link = self._link()
        with link.lock:
            known = self._known.get(order_id)
            if known is None or not known.is_open or not self._was_sent(order_id):
                return
        link.require_up()
        with link.lock:
            request_id = f"{order_id}{_CANCEL}{link.store.take_id()}"
            body = requests.cancel(known, request_id, self._settings, self._clock.now_ns())
            seq = link.send("F", body)
            # After a reset numbers come again: what stood under higher ones is over.
            self._cancels = {number: what for number, what in self._cancels.items() if number < seq} | {seq: order_id}

    def poll(self) -> Sequence[Report]:
        link = self._link()
        reports: list[Report] = []
        with link.lock:
            while self._queue:
                first = self._queue[0]
                if isinstance(first, Unavailable):
                    if reports:
                        return reports
                    self._queue.popleft()
                    raise first
                self._queue.popleft()
                reports.append(first)
        if not reports:
            link.require_up()
        return reports

    def lookup(self, order_id: OrderId) -> VenueOrder | None:
        link = self._link()
        with link.lock:
            known = self._known.get(order_id) or self._from_store(order_id)
        if known is None:
            return None  # what was sent is kept before it is sent: this never was
        question = self._ask("H", known)
        if not question.unknown:
            return self._told(question.answers[-1], order_id)
        if known.is_open and known.acknowledged:
            raise Unavailable(
                f"the counterparty acknowledged order {order_id} and now says it knows none of that id",
                fix="ask the counterparty; then steersman reconcile",
            )
        return known.state() if known.acknowledged else None

    def open_orders(self) -> Sequence[VenueOrder]:
        link = self._link()
        if self._settings.mass_status:
            found = [self._told(message, message.get(11) or "") for message in self._ask("AF").answers]
        else:
            link.require_up()
            with link.lock:
                ours = [OrderId(key) for key, known in self._known.items() if known.is_open and self._was_sent(key)]
            found = [order for order in map(self.lookup, ours) if order is not None]
        return [order for order in found if order.status == "open"]

    def positions(self) -> Sequence[VenuePosition] | None:
        if not self._settings.positions:
            return None
        found = []
        for message in self._ask("AN").answers:
            try:
                quantity = held(message)
            except ValueError as exc:
                raise _unreadable(exc, message) from exc
            if quantity:
                found.append(VenuePosition(instrument=self._symbol(message), quantity=quantity))
        return found

    def quotes(self) -> Sequence[Quote]:
        return ()

    def restore(self, orders: Iterable[OpenOrder]) -> None:
        self._to_restore = list(orders)
        if self._link_or_none is not None:
            self._restore_all(self._link_or_none)
            return
        try:
            self._link()
        except Unavailable:
            return  # every call from now on says so, and the one that opens the store restores

    def on_bar(self, bar: Bar) -> None:
        """Not simulated: nothing."""

    def close(self) -> None:
        if self._link_or_none is not None:
            self._link_or_none.close()
        self._closed = True

    # -- the connection's thread tells us, under its lock ----------------------------------------------------------

    def heard(self, message: Message) -> None:
        link = self._link()
        order_id = self._order_of(message)
        question = self._questions.answered(message, order_id)
        if question is not None and (question.unknown or question.refused):
            self._unanswered(question)
            return
        known = self._known.get(order_id)
        if known is None or message.type not in ("8", "9", "j", "3"):
            if question is None and order_id and message.type in ("8", "9"):
                link.store.hear(order_id, message.raw)  # `restore` may come after what was missed
            elif question is None and message.type in ("j", "3"):
                self._say(f"the counterparty refused a message: {message.shown()}")
            return
        found = known.take(message, self._clock.now_ns())
        if question is None or found.reports:
            link.store.hear(order_id, message.raw)
        self._queue.extend(found.reports)
        if found.trouble:
            self._say(found.trouble)

    def came_up(self) -> None:
        for order_id, known in self._known.items():
            if known.is_open and self._was_sent(order_id):
                self._inquire(known)

    def skipped(self, first: int, following: int) -> None:
        for seq in [seq for seq in self._cancels if first <= seq < following]:
            order_id = self._cancels.pop(seq)
            if self._known[order_id].is_open:
                at = self._clock.now_ns()
                self._queue.append(CancelRefused(order_id=OrderId(order_id), reason=_CANCEL_GONE, at=at))
        if self._link().is_up:
            again = self._questions.sent_under(first, following)
            for question in again:
                self._send_question(question)
            self.came_up()  # an order may have been among them

    def went_down(self) -> None:
        self._questions.drop()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _link(self) -> Link:
        if self._closed:
            raise Unavailable("the session was closed", fix="make a new one")
        if self._link_or_none is None:
            self._link_or_none = Link(self._settings, self._root, self._file(), self._clock, self)
            self._restore_all(self._link_or_none)
            self._link_or_none.start()
        return self._link_or_none

    def _file(self) -> Path:
        names = {instrument.venue for instrument in self._instruments.values()} or {self.name}
        # The test system and the real one count apart, and so does every pair of names.
        parts = (self._settings.version, self._settings.sender, self._settings.target, self._settings.mode)
        file = "_".join(quote(part, safe="") for part in parts) + ".db"
        return self._root / ".steersman" / "venues" / min(names) / file

    def _keep(self, known: Known, seq: int, raw: bytes) -> None:
        self._link().store.add_order(known.order, seq=seq, sent=raw)
        self._known[known.order.order_id] = known

    def _was_sent(self, order_id: str) -> bool:
        """Say whether an order of this id went out, or may have."""
        kept, known = self._link().store.order(order_id), self._known.get(order_id)
        return (kept is not None and kept.sent) or (known is not None and (known.acknowledged or known.base > 0))

    def _restore_all(self, link: Link) -> None:
        if self._to_restore is None:
            return
        wanted, self._to_restore = self._to_restore, None
        with link.lock:
            link.store.forget_all_but({o.order.order_id for o in wanted} | self._known.keys())
            for opened in wanted:
                if opened.order.order_id not in self._known:
                    self._restore(link, opened)

    def _restore(self, link: Link, opened: OpenOrder) -> None:
        order, instrument = opened.order, self._instruments.get(opened.order.instrument)
        if instrument is None:
            self._say(
                f"order {order.order_id} is for {order.instrument}, which is not declared for this venue any more"
            )
            return
        kept = link.store.order(order.order_id)
        if kept is None:
            with link.store.durable():
                link.store.add_order(order, seq=None, sent=None, base=opened.filled)
        known = self._replayed(order, instrument, opened.filled if kept is None else kept.base, queue=True)
        known.acknowledged = known.acknowledged or opened.acknowledged
        known.trust(opened.filled)
        self._known[order.order_id] = known
        if link.is_up and known.is_open and self._was_sent(order.order_id):
            self._inquire(known)

    def _from_store(self, order_id: str) -> Known | None:
        kept = self._link().store.order(order_id)
        instrument = None if kept is None else self._instruments.get(kept.order.instrument)
        if kept is None or instrument is None or not kept.sent:
            return None
        return self._replayed(kept.order, instrument, kept.base, queue=False)

    def _replayed(self, order: Order, instrument: Instrument, base: Decimal, *, queue: bool) -> Known:
        """Return the order as the messages tell it that were kept; `queue` reports them once more."""
        known = Known(order, instrument, base)
        for frame in self._link().store.heard(order.order_id):
            found = known.take(decode(frame), self._clock.now_ns())
            if queue:
                self._queue.extend(found.reports)
        return known

    def _ask(self, type_: str, known: Known | None = None) -> Question:
        """Ask, and wait for all of the answer."""
        link = self._link()
        link.require_up()
        with link.changed:
            question = self._put(type_, known)
            link.changed.wait_for(lambda: question.over, self._settings.timeout_s)
            self._questions.forget(question)
            if question.dropped:
                raise link.unavailable()
            if question.refused:
                raise Unavailable(f"the counterparty refused a question: {question.refused}", fix="see what it says")
            if not question.done and not question.unknown:
                raise Unavailable(
                    f"no answer to {type_} within {self._settings.timeout}", fix="ask again, or raise timeout"
                )
        return question

    def _put(self, type_: str, known: Known | None) -> Question:
        link = self._link()
        request_id = f"{type_}{link.store.take_id()}"
        if known is not None:
            body = requests.status(known, request_id, self._settings)
        elif type_ == "AF":
            body = requests.mass_status(request_id)
        else:
            body = requests.positions(request_id, self._settings, self._clock.now_ns())
        order_id = "" if known is None else str(known.order.order_id)
        question = Question(type_, request_id, order_id, body)
        self._send_question(question)
        self._questions.put(question)
        return question

    def _send_question(self, question: Question) -> None:
        question.seq = self._link().send(question.type, question.body)

    def _inquire(self, known: Known) -> None:
        """Ask how an order stands without waiting: what the answer says is reported like everything else."""
        if self._questions.is_asked(known.order.order_id):
            return
        try:
            self._put("H", known).nobody_waits = True
        except Unavailable:
            return  # the connection is gone again: the next one asks

    def _unanswered(self, question: Question) -> None:
        """Take in that the counterparty does not know an order, or would not say."""
        known = self._known.get(question.order_id)
        if not question.nobody_waits:
            return  # whoever asked says it
        self._questions.forget(question)
        if question.refused:
            self._say(f"the state of order {question.order_id} was not told: {question.refused}")
        elif known is not None and not known.acknowledged:
            self._queue.extend(known.end("rejected", _GONE, self._clock.now_ns()))
        elif known is not None and known.is_open:
            self._say(f"the counterparty acknowledged order {question.order_id} and knows none of that id now")

    def _order_of(self, message: Message) -> str:
        """Return our id of the order a message is about, "" if it is about none."""
        if message.type in ("8", "9"):
            for tag in (41, 11):
                order_id = (message.get(tag) or "").rpartition(_CANCEL)[0] or message.get(tag) or ""
                if tag == 11 or order_id in self._known or self._link().store.order(order_id) is not None:
                    return order_id
        seq = message.number(45)
        if message.type not in ("j", "3") or seq is None:
            return ""
        return self._cancels.get(seq) or self._link().store.order_of(seq) or ""

    def _told(self, message: Message, order_id: str) -> VenueOrder:
        try:
            return told(message, self._symbol(message), order_id)
        except ValueError as exc:
            raise _unreadable(exc, message) from exc

    def _symbol(self, message: Message) -> str:
        symbol = message.get(55) or ""
        return self._named.get(symbol, symbol)

    def _say(self, trouble: str) -> None:
        self._queue.append(Unavailable(readable(trouble), fix="steersman reconcile"))


def _unreadable(exc: ValueError, message: Message) -> Unavailable:
    return Unavailable(readable(f"an answer says {exc}: {message.shown()}"), fix="ask the counterparty")


def create(*, settings: FixSettings, instruments: Mapping[str, Instrument], root: Path, clock: Clock) -> FixVenue:
    """Return the venue; it connects with its first call.

    Raises:
        Misconfigured: simplefix is not installed, or name, password or authority are not where the settings say.
    """
    if importlib.util.find_spec("simplefix") is None:
        raise Misconfigured("a FIX venue needs the package simplefix", fix='pip install "steersman[fix]"')
    # Looked up now, so that a desk that cannot log on does not start; looked up again, and used, at every Logon.
    for reference in (settings.username, settings.password):
        if reference is not None:
            references.resolve(reference, root)
    if settings.ca_file is not None and not (root / settings.ca_file).is_file():
        raise Misconfigured(f"ca_file {settings.ca_file!r} is not there", fix="name a file of PEM certificates")
    return FixVenue(settings, instruments, root, clock)
