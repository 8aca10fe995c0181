"""How much is told: once, then together, at growing intervals; never more in an hour than the limit, nothing lost."""

from __future__ import annotations

import pytest
from tests.builders_notices import HOUR, MINUTE, NOON, a_telling, an_end

from steersman.services.notices.model import Repeated, text
from steersman.services.notices.quiet import parse_quiet
from steersman.services.notices.storm import Limits, State, Storm


class Tried:
    """A storm whose messages all arrive."""

    def __init__(self, **limits: object) -> None:
        self.storm = Storm(State(), Limits(**{"target": "phone", **limits}))  # type: ignore[arg-type]
        self.now = NOON

    def sends(self, *tellings: object, after: int = 0) -> list[str]:
        """Let time pass, take `tellings` in, and return the first lines of what is sent at that moment."""
        self.now += after
        for telling in tellings:
            self.storm.take(telling, self.now)  # type: ignore[arg-type]
        self.storm.tick(self.now)
        found = []
        while (message := self.storm.next(self.now)) is not None:
            self.storm.arrived(message, self.now)
            found.append(message.first)
        return found


def test_the_same_thing_is_told_once_and_then_together_at_growing_intervals() -> None:
    storm = Tried()
    assert storm.sends(a_telling()) == ["prices failed"]
    for _ in range(9):
        assert storm.sends(a_telling(), after=MINUTE) == []
    assert storm.sends(after=MINUTE) == ["prices failed (10 times since Sun 30 Nov 12:00)"]
    sent = [storm.sends(a_telling(), after=MINUTE) for _ in range(24 * 60)]
    assert sum(map(len, sent)) == 7  # 20, 40, 80, 160, 320, 360, 360 minutes later
    assert len(storm.storm.state.incidents) == 1


def test_another_subject_or_another_rule_is_another_thing() -> None:
    storm = Tried()
    assert len(storm.sends(a_telling(), a_telling("news"), a_telling(rule="run_overdue"))) == 3


def test_the_end_is_told_to_who_was_told_of_it() -> None:
    storm = Tried()
    storm.sends(a_telling())
    storm.sends(a_telling(), after=MINUTE)
    storm.storm.take(an_end(), storm.now)
    message = storm.storm.next(storm.now)
    assert message is not None
    assert message.first == "prices succeeds again"
    assert message.why == "before: prices failed, since Sun 30 Nov 12:00 after 2 times"
    assert storm.sends(an_end("news")) == ["prices succeeds again"]


def test_what_was_over_before_it_could_be_told_is_one_message() -> None:
    storm = Tried()
    assert storm.sends(a_telling(), an_end()) == [
        "prices failed at Sun 30 Nov 12:00; since then: prices succeeds again"
    ]
    assert storm.sends(a_telling("order"), an_end("order", first="")) == []


def test_what_comes_and_goes_is_not_told_each_time() -> None:
    storm = Tried()
    first = [storm.sends(one, after=MINUTE) for one in (a_telling(), an_end())]
    assert [len(sent) for sent in first] == [1, 1]
    sent = [storm.sends(one, after=MINUTE) for _ in range(4) for one in (a_telling(), an_end())]
    assert [line for lines in sent for line in lines] == []
    assert storm.sends(after=MINUTE) == ["prices failed (5 times since Sun 30 Nov 12:00); well at this moment"]
    assert storm.sends(after=HOUR) == []
    assert storm.storm.state.incidents == {}


def test_what_gets_worse_is_told_at_once() -> None:
    storm = Tried()
    storm.sends(a_telling())
    assert storm.sends(a_telling(severity="critical"), after=MINUTE) == [
        "prices failed (2 times since Sun 30 Nov 12:00)"
    ]


def test_what_follows_from_something_that_was_told_is_no_news_unless_it_is_worse() -> None:
    storm = Tried()
    storm.sends(a_telling())
    late = a_telling(rule="run_overdue", hushed_by=("run_failed/prices",))
    assert storm.sends(late) == []
    assert storm.sends(a_telling(rule="run_overdue", hushed_by=("run_failed/prices",), severity="critical")) != []
    storm.sends(an_end(), an_end(rule="run_overdue"))
    assert storm.sends(late, after=HOUR) == ["prices failed"]


def test_the_limit_holds_and_what_is_over_it_comes_together() -> None:
    storm = Tried(per_hour=8)
    sent = storm.sends(*(a_telling(f"job{n}", rule=f"rule{n}") for n in range(30)))
    assert sent == [*(f"job{n} failed" for n in range(5)), "25 more since Sun 30 Nov 12:00, see the console"]
    assert storm.sends(*(a_telling(f"late{n}") for n in range(3)), after=MINUTE) == []
    # Not more than three of a kind: each is told for itself.
    assert storm.sends(after=HOUR) == ["late0 failed", "late1 failed", "late2 failed"]


def test_what_is_left_out_is_counted_once_however_often_it_was_put_together() -> None:
    storm = Tried(quiet=parse_quiet("00:00-23:59"))
    for part in range(3):
        storm.sends(*(a_telling(f"job{n}", rule=f"rule{n}") for n in range(part * 300, part * 300 + 300)))
    storm.now = NOON + 12 * HOUR - MINUTE
    message = storm.storm.next(storm.now)
    assert message is not None
    assert message.first.startswith("900 more since")
    assert (len(message.lines), message.lines[-1]) == (21, "and 880 more: steersman status, or the console")


def test_what_is_critical_has_room_of_its_own_and_is_always_named() -> None:
    storm = Tried(per_hour=8)
    storm.sends(*(a_telling(f"job{n}", rule=f"rule{n}") for n in range(30)))
    storm.sends(a_telling("halt0", severity="critical"), after=MINUTE)
    for telling in (a_telling(f"halt{n}", rule=f"rule{n}", severity="critical") for n in range(1, 60)):
        storm.storm.take(telling, storm.now)
    message = storm.storm.next(storm.now)
    assert message is not None
    assert message.first.startswith("50 critical things since")
    assert [line.partition(" (")[0] for line in message.lines] == [f"halt{n} failed" for n in range(1, 51)]
    storm.storm.arrived(message, storm.now)
    assert storm.storm.next(storm.now) is None
    rest = storm.sends(after=HOUR)
    assert rest == [f"halt{n} failed" for n in range(51, 58)] + [
        "2 critical things since Sun 30 Nov 12:00: halt58 failed"
    ]


@pytest.mark.parametrize("severity", ["warn", "critical"])
def test_many_of_a_kind_at_once_are_one_message(severity: str) -> None:
    storm = Tried()
    for n in range(9):
        storm.storm.take(a_telling(f"order{n}", rule="approval_waiting", severity=severity), storm.now)
    storm.storm.take(a_telling("news", severity=severity), storm.now)
    message = storm.storm.next(storm.now)
    assert message is not None
    assert message.first == "9 at once, the first: order0 failed"
    assert len(message.lines) == 9
    storm.storm.arrived(message, storm.now)
    assert storm.sends() == ["news failed"]


def test_quiet_hours_hold_back_all_but_what_is_critical_until_the_morning() -> None:
    storm = Tried(quiet=parse_quiet("22:00-07:00"))
    assert storm.sends(a_telling(), after=11 * HOUR) == []
    assert storm.sends(a_telling("halt", severity="critical"), after=MINUTE) == ["halt failed"]
    assert storm.sends(a_telling("news"), after=HOUR) == []
    assert storm.sends(after=6 * HOUR + 58 * MINUTE) == []
    storm.now += MINUTE
    storm.storm.tick(storm.now)
    message = storm.storm.next(storm.now)
    assert message is not None
    assert message.first == "2 things happened while it was quiet, since Sun 30 Nov 12:00"
    assert [line.partition(" (")[0] for line in message.lines] == ["prices failed", "news failed"]
    assert "- prices failed" in text(message)


def test_one_thing_that_happened_while_it_was_quiet_is_told_as_it_is() -> None:
    storm = Tried(quiet=parse_quiet("11:00-13:00"))
    assert storm.sends(a_telling()) == []
    assert storm.sends(after=HOUR) == ["prices failed"]


def test_what_must_happen_often_is_told_when_it_did() -> None:
    storm = Tried()
    often = Repeated(times=3, within_s=600)
    sent = [storm.sends(a_telling("core", repeated=often, at=NOON + n * 6 * MINUTE)) for n in range(5)]
    assert sent == [[]] * 5
    sent = [storm.sends(a_telling("desk", repeated=often, at=NOON + n * MINUTE)) for n in range(3)]
    assert sent == [[], [], ["desk failed"]]


def test_what_nobody_can_say_the_end_of_is_forgotten_when_it_is_silent() -> None:
    storm = Tried()
    storm.sends(a_telling(can_end=False))
    storm.sends(after=11 * MINUTE)
    assert storm.storm.state.incidents == {}
    assert storm.sends(a_telling(can_end=False)) == ["prices failed"]


@pytest.mark.parametrize("text_", ["", "22:00", "22:00-22:00", "25:00-07:00", "22-7", "22:00-07:00 "])
def test_only_two_times_of_the_day_are_quiet_hours(text_: str) -> None:
    if text_.strip() == "22:00-07:00":
        assert parse_quiet(text_).covers(NOON + 11 * HOUR, "UTC")
        return
    with pytest.raises(ValueError, match="found"):
        parse_quiet(text_)
