"""The session layer against a counterparty that is a page long: nothing is lost, nothing comes twice."""

from __future__ import annotations

from collections import deque

from hypothesis import event, given, settings
from hypothesis import strategies as st

from steersman.trading.adapters.fix.session import Action, Deliver, Drop, Lost, Send, Session, State, Terms
from steersman.trading.adapters.fix.wire import Message

_TERMS = Terms(version="FIX.4.4", sender="DESK", target="BROKER", heartbeat_s=30)
_SECOND = 1_000_000_000

# What may happen, and how often beside the rest.
_STEPS = (
    ["report"] * 6 + ["arrive"] * 8 + ["order"] * 3 + ["garble"] * 3 + ["beat", "again", "reset", "cut", "kill", "deaf"]
)


class Reference:
    """A counterparty that keeps every message it sent, resends what is asked for, and moves its numbers at will."""

    def __init__(self) -> None:
        self.reports: dict[int, int] = {}  # number -> report; every other number below next_out was the session's own
        self.next_out = 1
        self.expects = 1
        self.orders: list[str] = []
        self.made = 0
        self.excused: set[int] = set()
        self.to_us: deque[Message] = deque()

    def say(self, type_: str, *body: tuple[int, str]) -> None:
        self.to_us.append(_message(type_, self.next_out, *body))
        self.next_out += 1

    def report(self) -> None:
        self.made += 1
        self.reports[self.next_out] = self.made
        self.say("8", (17, str(self.made)))

    def reset(self, skipped: int) -> None:
        """Move the numbers on: what was said until now may never arrive."""
        self.next_out += skipped
        self.excused |= set(self.reports.values())
        self.to_us.append(_message("4", self.next_out, (123, "N"), (36, str(self.next_out))))

    def again(self, seq: int) -> None:
        """Repeat one message that nobody asked for."""
        if seq in self.reports:
            self.to_us.append(_message("8", seq, (43, "Y"), (17, str(self.reports[seq]))))

    def hear(self, send: Send) -> None:
        """Take in one message of ours."""
        if send.type == "4":
            assert dict(send.body)[123] == "Y"
            if send.seq == self.expects:
                self.expects = int(dict(send.body)[36])
            return
        if send.type == "2":
            self._resend(int(dict(send.body)[7]))
        if send.seq > self.expects:
            if send.type == "A":
                self._log_on()
            self.say("2", (7, str(self.expects)), (16, "0"))
            return
        assert send.seq == self.expects, "a number was used twice"
        self.expects += 1
        if send.type == "A":
            self._log_on()
        elif send.type == "1":
            self.say("0", (112, dict(send.body)[112]))
        elif send.type == "D":
            self.orders.append(dict(send.body)[11])

    def _log_on(self) -> None:
        self.say("A", (98, "0"), (108, "30"))

    def _resend(self, first: int) -> None:
        seq = first
        while seq < self.next_out:
            if seq in self.reports:
                self.again(seq)
                seq += 1
                continue
            following = next((n for n in range(seq, self.next_out) if n in self.reports), self.next_out)
            self.to_us.append(_message("4", seq, (43, "Y"), (123, "Y"), (36, str(following))))
            seq = following


def _message(type_: str, seq: int, *body: tuple[int, str]) -> Message:
    fields = ((8, "FIX.4.4"), (35, type_), (49, "BROKER"), (56, "DESK"), (34, str(seq)), *body)
    return Message(type=type_, fields=fields, raw=b"")


class Life:
    """A session, what it delivered, and the wire to the counterparty."""

    def __init__(self) -> None:
        self.them = Reference()
        self.session = Session(_TERMS, 1, 1)
        self.delivered: list[int] = []
        self.lost = 0
        self.now = 0
        self.heard = True
        self.sent: list[str] = []
        self.connect()

    def connect(self) -> None:
        self.session.disconnected()
        self.them.to_us.clear()
        self.heard = True
        self.do(self.session.connected(self.now))

    def do(self, actions: list[Action]) -> None:
        dropped = [action for action in actions if isinstance(action, Drop)]
        # The one end that these accidents allow: the answer to our Logon was garbled.
        assert all(drop.reason.startswith("it did not answer") for drop in dropped), dropped
        for action in actions:
            if isinstance(action, Send) and self.heard:
                self.them.hear(action)
            elif isinstance(action, Deliver):
                self.delivered.append(int(action.message.get(17) or 0))
            elif isinstance(action, Lost):
                self.lost += 1
        if dropped:
            self.connect()

    def arrive(self) -> None:
        if self.them.to_us:
            self.do(self.session.received(self.them.to_us.popleft(), self.now))

    def step(self, what: str, size: int) -> None:
        self.now += _SECOND
        if what == "report":
            self.them.report()
        elif what == "beat":
            self.them.say("0")
        elif what == "again":
            self.them.again(size)
        elif what == "reset":
            self.them.reset(size)
        elif what == "garble" and self.them.to_us:
            self.them.to_us.popleft()
        elif what == "arrive":
            self.arrive()
        elif what == "order" and self.session.state is State.UP:
            self.sent.append(f"o{len(self.sent)}")
            self.do([self.session.send("D", [(11, self.sent[-1])], self.now)])
        elif what == "deaf":
            self.heard = False  # what we send now is lost; the next connection shows it
        elif what == "cut":
            self.connect()
        elif what == "kill":
            # Numbers are durable before anything else: a new life knows them and nothing more.
            self.session = Session(_TERMS, self.session.next_in, self.session.next_out)
            self.connect()

    def calm(self, *, on_a_new_connection: bool) -> None:
        """Let time pass without accidents."""
        if on_a_new_connection or not self.heard:
            self.connect()
        for _ in range(6):
            self.now += 31 * _SECOND
            self.them.say("0")
            self.do(self.session.tick(self.now))
            while self.them.to_us:
                self.arrive()


@given(st.lists(st.tuples(st.sampled_from(_STEPS), st.integers(1, 9)), min_size=10, max_size=120), st.booleans())
@settings(max_examples=400)
def test_whatever_happens_to_messages_each_is_taken_in_once_and_in_order(
    steps: list[tuple[str, int]], cut: bool
) -> None:
    life = Life()
    for what, size in steps:
        life.step(what, size)
    life.calm(on_a_new_connection=cut)
    assert life.session.next_in == life.them.next_out
    assert life.delivered == sorted(set(life.delivered))
    missing = set(range(1, life.them.made + 1)) - set(life.delivered)
    assert missing <= life.them.excused
    assert not missing or life.lost
    event(f"lost in resets: {'some' if missing else 'none'}")


@given(st.lists(st.tuples(st.sampled_from(_STEPS), st.integers(1, 9)), min_size=10, max_size=120), st.booleans())
def test_an_order_of_ours_arrives_once_or_never_and_the_numbers_agree_in_the_end(
    steps: list[tuple[str, int]], cut: bool
) -> None:
    life = Life()
    for what, size in steps:
        life.step(what, size)
    life.calm(on_a_new_connection=cut)
    assert life.session.next_out == life.them.expects
    assert len(set(life.them.orders)) == len(life.them.orders)
    assert [order for order in life.sent if order in life.them.orders] == life.them.orders
    event(f"orders lost: {len(life.sent) - len(life.them.orders) > 0}")
