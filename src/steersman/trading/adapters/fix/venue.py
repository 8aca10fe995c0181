"""The venue: orders out under our ids, what the counterparty says about them in."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from steersman.kernel import references
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Conflict, Misconfigured, Unavailable
from steersman.trading.adapters.fix import requests
from steersman.trading.adapters.fix.book import Book
from steersman.trading.adapters.fix.known import Known, told
from steersman.trading.adapters.fix.link import Link
from steersman.trading.adapters.fix.questions import Question, Questions, held
from steersman.trading.adapters.fix.settings import FixSettings
from steersman.trading.adapters.fix.wire import Message, readable
from steersman.trading.model.bar import Bar
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import (
    OpenOrder,
    Order,
    Quote,
    Report,
    VenueOrder,
    VenuePosition,
)
from steersman.trading.model.signal import OrderId


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
        self._open: tuple[Link, Book] | None = None
        self._closed = False
        self._to_restore: list[OpenOrder] | None = None
        self._questions = Questions()

    # -- the port ------------------------------------------------------------------------------------------------

    def submit(self, order: Order) -> None:
        link, book = self._opened()
        with link.lock:
            if book.was_sent(order.order_id):
                raise Conflict(
                    f"order {order.order_id} was sent to the venue already", fix="look it up; an id is sent once"
                )
            instrument = self._instruments.get(order.instrument)
            why = requests.refusal(order, instrument)
            if why or instrument is None:
                book.refuse(order, why)
                return
        link.require_up()
        with link.lock:
            known = Known(order, instrument)
            body = requests.new_order(order, instrument, self._settings, self._clock.now_ns())
            # Known before it leaves: once kept, it may be out there whatever the write says.
            link.send("D", body, lambda seq, raw: book.keep(known, seq, raw))

    def cancel(self, order_id: OrderId) -> None:
        link, book = self._opened()
        with link.lock:
            known = book.get(order_id)
            if known is None or not known.is_open or not book.was_sent(order_id):
                return
        link.require_up()
        with link.lock:
            body = requests.cancel(known, book.cancel_id(order_id), self._settings, self._clock.now_ns())
            book.cancel_left(order_id, link.send("F", body))

    def poll(self) -> Sequence[Report]:
        link, book = self._opened()
        with link.lock:
            reports = book.reports()
        if not reports:
            link.require_up()
        return reports

    def lookup(self, order_id: OrderId) -> VenueOrder | None:
        link, book = self._opened()
        with link.lock:
            known = book.recall(order_id)
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
        link, book = self._opened()
        if self._settings.mass_status:
            found = [self._told(message, message.get(11) or "") for message in self._ask("AF").answers]
        else:
            link.require_up()
            with link.lock:
                ours = [known.order.order_id for known in book.working()]
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
        try:
            link, book = self._opened()
        except Unavailable:
            return  # every call from now on says so, and the one that opens the store restores
        self._restore(link, book)

    def on_bar(self, bar: Bar) -> None:
        """Not simulated: nothing."""

    def close(self) -> None:
        if self._open is not None:
            self._open[0].close()
        self._closed = True

    # -- the connection's thread tells us, under its lock ----------------------------------------------------------

    def heard(self, message: Message) -> None:
        _, book = self._opened()
        order_id = book.order_of(message)
        question = self._questions.answered(message, order_id)
        if question is None or question.done or not question.over:
            book.take(message, order_id, is_answer=question is not None)
        elif question.nobody_waits and question.unknown:
            book.is_unknown_there(question.order_id)
        elif question.nobody_waits:
            book.say(f"the state of order {question.order_id} was not told: {question.refused}")

    def came_up(self) -> None:
        _, book = self._opened()
        for known in book.working():
            self._inquire(known)

    def skipped(self, first: int, following: int) -> None:
        link, book = self._opened()
        book.skipped(first, following)
        if link.is_up:
            for question in self._questions.sent_under(first, following):
                self._send(link, question)
            self.came_up()  # an order may have been among them

    def went_down(self) -> None:
        self._questions.drop()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _opened(self) -> tuple[Link, Book]:
        """Return the connection, begun now if it was not, and our orders.

        Raises:
            Unavailable: the store cannot be opened, or the venue was closed.
        """
        if self._closed:
            raise Unavailable("the session was closed", fix="make a new one")
        if self._open is None:
            link = Link(self._settings, self._root, self._file(), self._clock, self)
            self._open = link, Book(link.store, self._instruments, self._clock)
            self._restore(*self._open)
            link.start()
        return self._open

    def _restore(self, link: Link, book: Book) -> None:
        if self._to_restore is None:
            return
        wanted, self._to_restore = self._to_restore, None
        with link.lock:
            for known in book.restore(wanted):
                if link.is_up:
                    self._inquire(known)

    def _file(self) -> Path:
        names = {instrument.venue for instrument in self._instruments.values()} or {self.name}
        # The test system and the real one count apart, and so does every pair of names.
        parts = (self._settings.version, self._settings.sender, self._settings.target, self._settings.mode)
        file = "_".join(quote(part, safe="") for part in parts) + ".db"
        return self._root / ".steersman" / "venues" / min(names) / file

    def _ask(self, type_: str, known: Known | None = None) -> Question:
        """Ask, and wait for all of the answer."""
        link, _ = self._opened()
        link.require_up()
        with link.changed:
            question = self._put(link, type_, known)
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

    def _put(self, link: Link, type_: str, known: Known | None) -> Question:
        request_id = f"{type_}{link.store.take_id()}"
        if known is not None:
            body = requests.status(known, request_id, self._settings)
        elif type_ == "AF":
            body = requests.mass_status(request_id)
        else:
            body = requests.positions(request_id, self._settings, self._clock.now_ns())
        order_id = "" if known is None else str(known.order.order_id)
        question = Question(type_, request_id, order_id, body)
        self._send(link, question)
        self._questions.put(question)
        return question

    def _send(self, link: Link, question: Question) -> None:
        question.seq = link.send(question.type, question.body)

    def _inquire(self, known: Known) -> None:
        """Ask how an order stands without waiting: what the answer says is reported like everything else."""
        if self._questions.is_asked(known.order.order_id):
            return
        try:
            self._put(self._opened()[0], "H", known).nobody_waits = True
        except Unavailable:
            return  # the connection is gone again: the next one asks

    def _told(self, message: Message, order_id: str) -> VenueOrder:
        try:
            return told(message, self._symbol(message), order_id)
        except ValueError as exc:
            raise _unreadable(exc, message) from exc

    def _symbol(self, message: Message) -> str:
        symbol = message.get(55) or ""
        return self._named.get(symbol, symbol)


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
