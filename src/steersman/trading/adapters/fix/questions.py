"""Questions to the counterparty and the messages that answer them."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from steersman.trading.adapters.fix.wire import Fields, Message, readable

_UNKNOWN_ORDER: Final = "5"
_UNKNOWN_ID: Final = "1"


class Question:
    """One question: OrderStatusRequest (H), OrderMassStatusRequest (AF) or RequestForPositions (AN).

    Attributes:
        seq: the number it went out under last.
        answers: the messages that answer it, so far.
        done: all of the answer is there.
        unknown: the counterparty knows no such order.
        refused: why it does not say; "" if it does.
        dropped: the connection went before the answer came.
        nobody_waits: no caller waits for it.
    """

    def __init__(self, type_: str, request_id: str, order_id: str, body: Fields) -> None:
        self.type = type_
        self.request_id = request_id
        self.order_id = order_id
        self.body = body
        self.seq = 0
        self.answers: list[Message] = []
        self.done = self.unknown = self.dropped = self.nobody_waits = False
        self.refused = ""

    @property
    def over(self) -> bool:
        return self.done or self.unknown or self.dropped or bool(self.refused)

    def take(self, message: Message) -> None:
        """Note an answer, and whether more belongs to it."""
        if message.type in ("j", "3"):
            if message.type == "j" and message.get(380) == _UNKNOWN_ID and self.type == "H":
                self.unknown = True
            else:
                self.refused = readable(message.get(58) or message.shown())
        elif self.type == "H":
            self.unknown = _knows_none(message)
            self.done = not self.unknown
            self.answers.append(message)
        elif self.type == "AF":
            self._mass(message)
        else:
            self._positions(message)

    def _mass(self, message: Message) -> None:
        total = message.number(911)
        if total == 0 or (message.get(39) == "8" and not self.answers):
            self.done = True
            return
        self.answers.append(message)
        self.done = message.get(912) == "Y" or (total is not None and len(self.answers) >= total)

    def _positions(self, message: Message) -> None:
        total = message.number(727)
        if message.type == "AO":
            result = message.get(728)
            if result not in (None, "0", "2"):
                self.refused = readable(message.get(58) or f"PosReqResult {result}")
            self.done = result == "2" or total == 0
            return
        self.answers.append(message)
        self.done = total is not None and len(self.answers) >= total


class Questions:
    """What was asked and not answered yet. Under the lock of the connection."""

    def __init__(self) -> None:
        self._open: dict[str, Question] = {}

    def put(self, question: Question) -> None:
        """Wait for its answer."""
        self._open[question.request_id] = question

    def sent_under(self, first: int, following: int) -> list[Question]:
        """Return those that went out under a number from `first` to before `following`."""
        return [question for question in self._open.values() if first <= question.seq < following]

    def is_asked(self, order_id: str) -> bool:
        """Say whether the state of an order is asked for already, with nobody waiting."""
        return any(q.nobody_waits and q.order_id == order_id for q in self._open.values())

    def forget(self, question: Question) -> None:
        """Wait for it no longer."""
        self._open.pop(question.request_id, None)

    def drop(self) -> None:
        """Tell whoever waits that no answer will come: the connection is gone."""
        for question in self._open.values():
            question.dropped = True
        self._open.clear()

    def answered(self, message: Message, order_id: str) -> Question | None:
        """Return the question that a message answers, with the answer taken in; None: it answers none."""
        question = self._meant(message, order_id)
        if question is not None:
            question.take(message)
            if question.nobody_waits and question.over:
                self.forget(question)
        return question

    def _meant(self, message: Message, order_id: str) -> Question | None:
        if message.type in ("j", "3"):
            seq = message.number(45)
            return next((q for q in self._open.values() if q.seq == seq), None)
        for tag in {"8": (790, 584), "AO": (710,), "AP": (710,)}.get(message.type, ()):
            question = self._open.get(message.get(tag) or "")
            if question is not None:
                return question
        if message.type == "8" and (message.get(150) == "I" or message.get(20) == "3" or _knows_none(message)):
            # Not every counterparty sends our id of the question back; FIX 4.2 has none.
            return next((q for q in self._open.values() if q.type == "H" and q.order_id == order_id), None)
        return None


def _knows_none(message: Message) -> bool:
    return message.get(39) == "8" and message.get(103) == _UNKNOWN_ORDER


def held(message: Message) -> Decimal:
    """Return the signed units of a PositionReport: LongQty less ShortQty of its total (TQ), or of its only kind.

    Raises:
        ValueError: it does not say.
    """
    kinds: list[dict[int, Decimal | str]] = []
    for tag, value in message.fields:
        if tag == 703:
            kinds.append({703: value})
        elif tag in (704, 705) and kinds:
            kinds[-1][tag] = Message(type="", fields=((tag, value),), raw=b"").decimal(tag) or Decimal(0)
    total = [kind for kind in kinds if kind[703] == "TQ"] or kinds
    if len(total) != 1:
        raise ValueError(f"{len(kinds)} kinds of quantity, and none or several of them the total (TQ)")
    return Decimal(total[0].get(704, 0)) - Decimal(total[0].get(705, 0))
