"""The session layer as a state machine: messages and time in, what is to be done out. No socket, no file, no clock.

Source: FIX Session Layer Online, scenarios 1 to 20; FIX 4.4 volume 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final

import msgspec

from steersman.trading.adapters.fix.wire import Fields, Message, readable

_SECOND: Final = 1_000_000_000
_LOGON_NS: Final = 10 * _SECOND
_PROOF_NS: Final = 60 * _SECOND
_TIMES_ASKED: Final = 5
AGREE: Final = (
    "agree the sequence numbers with the counterparty; if both sides may forget what was not delivered, start once "
    "with reset_on_logon = true"
)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What was agreed: BeginString, CompIDs, HeartBtInt (seconds), whether each Logon resets the numbers."""

    version: str
    sender: str
    target: str
    heartbeat_s: int
    reset_on_logon: bool = False


class Send(msgspec.Struct, frozen=True, kw_only=True):
    """Send this under this number. `again`: the number was used before (PossDupFlag)."""

    seq: int
    type: str
    body: Fields
    again: bool = False

    def __repr__(self) -> str:
        return f"Send({self.type} {self.seq})"  # a Logon holds the password


class Deliver(msgspec.Struct, frozen=True, kw_only=True):
    """The next message of the counterparty that is not the session's own business. Never twice, never out of order."""

    message: Message


class Up(msgspec.Struct, frozen=True, kw_only=True):
    """Logged on, and the counterparty has everything we sent or knows that it will not come."""


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """Messages of ours from `first` to before `following` will not be read, whether they arrived or not."""

    first: int
    following: int


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """The counterparty moved its numbers on: messages up to now may never come. What is open must be asked for."""


class Drop(msgspec.Struct, frozen=True, kw_only=True):
    """End the connection. `for_long`: trying again at once would not help."""

    reason: str
    fix: str = ""
    for_long: bool = False


Action = Send | Deliver | Up | Skipped | Lost | Drop


class State(Enum):
    """Where the session stands."""

    DOWN = "down"
    LOGGING_ON = "logging on"
    AGREEING = "agreeing on what was received"
    UP = "up"
    LOGGING_OUT = "logging out"


class Session:
    """One session as its initiator. The owner keeps `next_in` and `next_out` durable before it does what is returned.

    Attributes:
        next_in: the number the counterparty's next message must have.
        next_out: the number of our next message.
    """

    def __init__(self, terms: Terms, next_in: int, next_out: int) -> None:
        self.terms = terms
        self.next_in = next_in
        self.next_out = next_out
        self.state = State.DOWN
        self._beat_ns = terms.heartbeat_s * _SECOND
        self._heard = self._sent = self._began = self._asked_at = 0
        self._asked_for = self._asked_times = 0
        self._probed = False
        self._proof = ""
        self._handlers: dict[str, Callable[[Message, int], list[Action]]] = {
            "0": self._beaten,
            "1": lambda m, now: [self.send("0", _echo(m), now)],
            "2": self._resend,
            "4": self._gap_filled,
        }

    # -- what happens to us --------------------------------------------------------------------------------------

    def connected(self, now: int, credentials: Fields = ()) -> list[Action]:
        """Begin on a new connection: log on. `now` is elapsed ns."""
        self.state = State.LOGGING_ON
        self._heard = self._sent = self._began = now
        self._asked_for, self._asked_times, self._probed = 0, 0, False
        body = [(98, "0"), (108, str(self.terms.heartbeat_s))]
        if self.terms.reset_on_logon:
            self.next_in = self.next_out = 1
            body.append((141, "Y"))
        return [self.send("A", [*body, *credentials], now)]

    def disconnected(self) -> None:
        """The connection is gone. Numbers stay: the next Logon goes on with them."""
        self.state = State.DOWN

    def received(self, message: Message, now: int) -> list[Action]:
        """Take in a message whose checksum is right."""
        self._heard, self._probed = now, False
        seq = message.number(34)
        wrong = self._not_for_us(message, seq)
        if wrong or seq is None:
            return self._leave(wrong, "correct version, sender or target, or ask the counterparty", now)
        if message.type == "A":
            return self._logged_on(message, seq, now)
        if message.type == "5":
            return self._logged_out(message, seq, now)
        if self.state is State.LOGGING_ON:
            said = message.get(58) or message.shown()
            return self._leave(f"it did not answer the Logon with one: {readable(said)}", "see what it says", now)
        if message.type == "4" and message.get(123) != "Y":
            return self._reset(message, now)
        return self._numbered(message, seq, now)

    def tick(self, now: int) -> list[Action]:
        """Let time pass: heartbeats, and the ends of patience."""
        if self.state is State.LOGGING_ON and now - self._began >= _LOGON_NS:
            return [Drop(reason="it did not answer our Logon within 10 s", fix="see that host and port are right")]
        if self.state is State.AGREEING and now - self._began >= _PROOF_NS:
            return [Drop(reason="it did not answer the test request after the Logon within 60 s")]
        if self.state not in (State.AGREEING, State.UP):
            return []
        silent = now - self._heard
        if silent >= self._beat_ns * 12 // 5:
            return [Drop(reason=f"nothing was heard of it for {silent // _SECOND} s, in spite of a test request")]
        made: list[Action] = []
        if silent >= self._beat_ns * 6 // 5 and not self._probed:
            self._probed = True
            made.append(self.send("1", [(112, f"probe-{self.next_out}")], now))
        if now - self._sent >= self._beat_ns:
            made.append(self.send("0", (), now))
        return made

    def logout(self, now: int) -> list[Action]:
        """Say goodbye; the counterparty's Logout ends the connection."""
        if self.state not in (State.AGREEING, State.UP):
            return [Drop(reason="closed")]
        sent = self.send("5", (), now)
        self.state = State.LOGGING_OUT
        return [sent]

    def send(self, type_: str, body: Fields, now: int) -> Send:
        """Give a message its number."""
        seq, self.next_out, self._sent = self.next_out, self.next_out + 1, now
        return Send(seq=seq, type=type_, body=body)

    # -- messages ------------------------------------------------------------------------------------------------

    def _not_for_us(self, message: Message, seq: int | None) -> str:
        terms = self.terms
        if message.get(8) != terms.version:
            return f"it speaks {readable(message.get(8) or '')}, we speak {terms.version}"
        if (message.get(49), message.get(56)) != (terms.target, terms.sender):
            return (
                f"a message from {message.get(49)!r} to {message.get(56)!r}: not from {terms.target} to {terms.sender}"
            )
        if not seq:
            return f"a message without a number (MsgSeqNum): {message.shown()}"
        return ""

    def _logged_on(self, message: Message, seq: int, now: int) -> list[Action]:
        if self.state is not State.LOGGING_ON:
            if message.get(141) != "Y":
                return self._numbered(message, seq, now)
            # A reset in the middle of a session: both count from 1, and it wants to hear so.
            self.next_in, self.next_out = seq + 1, 1
            body = [(98, "0"), (108, str(self.terms.heartbeat_s)), (141, "Y")]
            return [self.send("A", body, now), Lost()]
        if message.get(141) == "Y":
            self.next_in = seq + 1
        elif seq < self.next_in and message.get(43) != "Y":
            return self._too_low(seq, now)
        self.state, self._began = State.AGREEING, now
        asked = self._ask(now) if seq > self.next_in else []
        if not asked:
            self.next_in = max(self.next_in, seq + 1)
        return [*asked, self._prove(now)]

    def _prove(self, now: int) -> Send:
        """Ask for a heartbeat: once it comes, nothing that we send from then on can fall into a gap of theirs.

        A counterparty that misses messages asks for them at our Logon, and our answer skips all that was sent until
        then: an order sent at once would be skipped with them.
        """
        self._proof = f"proof-{self.next_out}"
        return self.send("1", [(112, self._proof)], now)

    def _beaten(self, message: Message, now: int) -> list[Action]:
        if self.state is not State.AGREEING or message.get(112) != self._proof:
            return []
        self.state = State.UP
        return [Up()]

    def _logged_out(self, message: Message, seq: int, now: int) -> list[Action]:
        """Take a goodbye: in its turn or not, the connection is over. A gap is asked for after the next Logon."""
        if seq == self.next_in:
            self.next_in += 1
        made: list[Action] = []
        if self.state in (State.AGREEING, State.UP):
            made.append(self.send("5", (), now))
        before, self.state = self.state, State.DOWN
        if before is State.LOGGING_OUT:
            return [Drop(reason="closed")]
        said = readable(message.get(58) or "")
        refused = before is State.LOGGING_ON
        what = "it refused our Logon" if refused else "it logged us out"
        fix = AGREE if "seq" in said.lower() else "do what it says; we try again by ourselves"
        return [*made, Drop(reason=f"{what}: {said}" if said else what, fix=fix, for_long=refused)]

    def _numbered(self, message: Message, seq: int, now: int) -> list[Action]:
        if seq < self.next_in:
            # What was taken in before and comes again says so; otherwise one of us has lost count.
            return [] if message.get(43) == "Y" else self._too_low(seq, now)
        if seq > self.next_in:
            # A wish for a resend is answered in any order: else two sides with gaps would wait for each other.
            # And what a heartbeat proves, it proves in any order.
            answer = self._handlers[message.type](message, now) if message.type in ("0", "2") else []
            return [*answer, *self._ask(now)]
        if message.type != "4":
            self.next_in += 1
        handler = self._handlers.get(message.type)
        if handler is not None:
            return handler(message, now)
        return [] if message.type == "A" else [Deliver(message=message)]

    def _ask(self, now: int) -> list[Action]:
        """Ask for everything from the missing number on; for one number once per heartbeat interval."""
        if self._asked_for == self.next_in:
            if now - self._asked_at < self._beat_ns:
                return []
            self._asked_times += 1
        else:
            self._asked_for, self._asked_times = self.next_in, 1
        if self._asked_times > _TIMES_ASKED:
            return self._leave(f"message {self.next_in} was asked for {_TIMES_ASKED} times and never came", AGREE, now)
        self._asked_at = now
        return [self.send("2", [(7, str(self.next_in)), (16, "0")], now)]

    def _resend(self, message: Message, now: int) -> list[Action]:
        """Answer a ResendRequest: every number is skipped, an order's too. A stale order must not go out again."""
        first, last = message.number(7), message.number(16)
        if not first or last is None or first >= self.next_out or (last and last < first):
            return [self._refuse(message, 7, "no such numbers were sent", now)]
        following = self.next_out if last == 0 else min(last + 1, self.next_out)
        self._sent = now
        skipped = Send(seq=first, type="4", body=[(123, "Y"), (36, str(following))], again=True)
        proof = [self._prove(now)] if self.state is State.AGREEING else []
        return [skipped, *proof, Skipped(first=first, following=following)]

    def _gap_filled(self, message: Message, now: int) -> list[Action]:
        following = message.number(36)
        if following is None or following <= self.next_in:
            return [self._refuse(message, 36, "NewSeqNo must be above MsgSeqNum", now)]
        self.next_in = following
        return []

    def _reset(self, message: Message, now: int) -> list[Action]:
        """Take SequenceReset-Reset: its own number does not count, and it may only go forward."""
        following = message.number(36)
        if following is None or following < self.next_in:
            return [self._refuse(message, 36, f"NewSeqNo must be at least {self.next_in}", now)]
        if following == self.next_in:
            return []
        self.next_in = following
        return [Lost()]

    def _refuse(self, message: Message, tag: int, why: str, now: int) -> Send:
        body = [(45, str(message.number(34))), (371, str(tag)), (372, message.type), (373, "5"), (58, why)]
        return self.send("3", body, now)

    def _too_low(self, seq: int, now: int) -> list[Action]:
        said = f"MsgSeqNum too low, expecting {self.next_in} but received {seq}"
        return self._leave(said, AGREE, now)

    def _leave(self, reason: str, fix: str, now: int) -> list[Action]:
        sent = self.send("5", [(58, reason[:200])], now)
        self.state = State.DOWN
        return [sent, Drop(reason=reason, fix=fix, for_long=True)]


def _echo(message: Message) -> Sequence[tuple[int, str]]:
    found = message.get(112)
    return [] if found is None else [(112, found)]
