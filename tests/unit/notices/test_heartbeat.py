"""A beat while all is well, silence while it is not; and a core that is away is told without it."""

from __future__ import annotations

import pytest
from tests.builders_notices import NOON

from steersman.bootstrap.notices import CoreAway
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Unavailable
from steersman.ledger.adapters.memory import MemoryLedger
from steersman.services.notices import Telling
from steersman.services.notices.events import HEARTBEAT_FAILED, HEARTBEAT_RECOVERED
from steersman.services.notices.heartbeat import Heartbeat


class Heart:
    def __init__(self) -> None:
        self.clock = FakeClock(NOON)
        self.ledger = MemoryLedger(clock=self.clock)
        self.beats = 0
        self.trouble = ""
        self.fails = False
        self.said: list[str] = []
        self.heart = Heartbeat(
            target="phone",
            every_s=60,
            beat=self.beat,
            trouble=lambda: self.trouble,
            ledger=self.ledger,
            clock=self.clock,
            say=self.said.append,
        )

    def beat(self) -> None:
        if self.fails:
            raise Unavailable("env:HC cannot be reached", fix="look")
        self.beats += 1

    def after(self, seconds: float) -> int:
        self.clock.advance(seconds)
        self.heart.tick()
        return self.beats

    def recorded(self) -> list[str]:
        return [e.type for e in self.ledger.read()]


def test_it_beats_at_once_and_then_at_its_pace() -> None:
    heart = Heart()
    assert [heart.after(s) for s in (0, 30, 30, 59, 1)] == [1, 1, 2, 2, 3]


def test_it_is_silent_while_something_is_wrong_and_beats_as_soon_as_it_is_well() -> None:
    heart = Heart()
    heart.after(0)
    heart.trouble = "the core does not answer"
    assert [heart.after(60) for _ in range(3)] == [1, 1, 1]
    assert heart.said == ["heartbeat phone is silent: the core does not answer"]
    heart.trouble = ""
    assert heart.after(1) == 2


def test_a_beat_that_fails_is_recorded_once_and_so_is_the_next_that_arrives() -> None:
    heart = Heart()
    heart.fails = True
    for _ in range(3):
        heart.after(60)
    assert heart.recorded() == [HEARTBEAT_FAILED]
    heart.fails = False
    heart.after(60)
    assert heart.recorded() == [HEARTBEAT_FAILED, HEARTBEAT_RECOVERED]


@pytest.mark.parametrize("away_s", [5, 55])
def test_a_core_that_is_away_for_less_than_a_minute_is_no_news(away_s: int) -> None:
    well = [True]
    clock = FakeClock(NOON)
    away = CoreAway(lambda: well[0], clock, tz="UTC")
    list(away.look(clock.now_ns()))
    well[0] = False
    for _ in range(away_s // 5 + 1):
        clock.advance(5)
        assert list(away.look(clock.now_ns())) == []
    well[0] = True
    clock.advance(5)
    assert list(away.look(clock.now_ns())) == []


def test_a_core_that_is_away_for_a_minute_is_told_once_and_so_is_its_return() -> None:
    well = [False]
    clock = FakeClock(NOON)
    away = CoreAway(lambda: well[0], clock, tz="UTC")
    told: list[Telling] = []
    for _ in range(40):
        told += away.look(clock.now_ns())
        clock.advance(5)
    assert [(t.rule, t.severity, t.ends, t.why) for t in told] == [
        ("core_away", "critical", False, "since Sun 30 Nov 12:00")
    ]
    well[0] = True
    back = list(away.look(clock.now_ns()))
    assert [(t.first, t.ends) for t in back] == [("the core answers again", True)]
    clock.advance(5)
    assert list(away.look(clock.now_ns())) == []
