"""An order's status against a plain model of what venues may say, in any order, twice, and late."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from steersman.trading.model.lifecycle import ENDED, Known, Status

QUANTITY = 10
_ENDINGS = (Status.CANCELLED, Status.REJECTED, Status.EXPIRED)
words = st.one_of(
    st.just(("sent",)),
    st.just(("acknowledged",)),
    st.just(("doubted",)),
    st.tuples(st.just("executed"), st.integers(1, 4)),
    st.tuples(st.just("ended"), st.sampled_from(_ENDINGS)),
)


def say(known: Known, word: tuple[object, ...]) -> None:
    match word:
        case ("sent",):
            known.sent = True
        case ("acknowledged",):
            known.acknowledged = True
        case ("doubted",):
            known.doubted = True
        case ("executed", int(quantity)):
            known.executed(Decimal(quantity))
        case ("ended", Status() as how):
            known.end(how)


def known_after(said: list[tuple[object, ...]]) -> Known:
    known = Known(quantity=Decimal(QUANTITY))
    for word in said:
        say(known, word)
    return known


@given(said=st.lists(words, max_size=8), rng=st.randoms())
def test_the_order_in_which_a_venue_says_things_does_not_matter(said: list[tuple[object, ...]], rng: object) -> None:
    endings = [word for word in said if word[0] == "ended"][:1]  # the first word about the end stands
    once = [word for word in said if word[0] != "ended"] + endings
    mixed = list(once)
    rng.shuffle(mixed)  # type: ignore[attr-defined]  # random.Random, as hypothesis types it
    assert known_after(mixed).status is known_after(once).status
    assert known_after(mixed).leaves == known_after(once).leaves


@given(said=st.lists(words, max_size=8))
def test_saying_anything_but_an_execution_again_changes_nothing(said: list[tuple[object, ...]]) -> None:
    once, twice = known_after(said), known_after(said)
    for word in said:
        if word[0] != "executed":
            say(twice, word)
    assert once == twice


class Lifecycle(RuleBasedStateMachine):
    """Known against the least that anybody would write down: sets and a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.known = Known(quantity=Decimal(QUANTITY))
        self.said: set[str] = set()
        self.filled = 0
        self.first_end: Status | None = None
        self.cancelling = False

    @rule()
    def sent(self) -> None:
        self.known.sent = True
        self.said.add("sent")

    @rule()
    def acknowledged(self) -> None:
        self.known.acknowledged = True
        self.said.add("acknowledged")

    @rule()
    def doubted(self) -> None:
        self.known.doubted = True
        self.said.add("doubted")

    @rule(wanted=st.booleans())
    def cancelling_or_refused(self, wanted: bool) -> None:
        self.known.cancelling = self.cancelling = wanted

    @rule(quantity=st.integers(1, 6))
    def executed(self, quantity: int) -> None:
        self.known.executed(Decimal(quantity))
        self.filled += quantity

    @rule(how=st.sampled_from(_ENDINGS))
    def ended(self, how: Status) -> None:
        self.known.end(how)
        self.first_end = self.first_end or how

    @precondition(lambda self: self.first_end is None and self.filled < QUANTITY)
    @rule()
    def an_open_order_has_something_left(self) -> None:
        assert self.known.is_open
        assert self.known.leaves == QUANTITY - self.filled

    @invariant()
    def the_status_is_what_the_model_says(self) -> None:
        assert self.known.status is self._expected()
        assert self.known.is_open == (self.known.status not in ENDED)
        assert self.known.overfilled == (self.filled > QUANTITY)
        assert self.known.leaves >= 0

    def _expected(self) -> Status:
        if self.filled >= QUANTITY:
            return Status.FILLED
        if self.first_end is not None:
            return self.first_end
        heard = "acknowledged" in self.said or self.filled > 0
        if "doubted" in self.said and not heard:
            return Status.UNKNOWN
        if self.cancelling:
            return Status.CANCEL_PENDING
        if self.filled:
            return Status.PARTIALLY_FILLED
        if "acknowledged" in self.said:
            return Status.ACKNOWLEDGED
        return Status.SUBMITTED if "sent" in self.said else Status.PENDING


TestLifecycle = Lifecycle.TestCase
