"""Whatever happens, in any order: the limit holds in every hour, and everything critical is told."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders_notices import HOUR, MINUTE, NOON, a_telling, an_end

from steersman.services.notices.model import Message, Telling
from steersman.services.notices.quiet import parse_quiet
from steersman.services.notices.storm import Limits, State, Storm

SEVERITIES = ("info", "warn", "critical")


@st.composite
def happenings(draw: st.DrawFn) -> list[tuple[int, Telling]]:
    """Return (minutes since the one before, what happens): few subjects, so that things repeat, end and begin anew."""
    found = []
    for n in range(draw(st.integers(1, 60))):
        subject, severity = f"s{draw(st.integers(0, 8))}", draw(st.sampled_from(SEVERITIES))
        make = an_end if draw(st.integers(0, 3)) == 0 else a_telling
        found.append((draw(st.sampled_from((0, 0, 0, 1, 7, 30, 240))), make(subject, severity=severity, pos=n + 1)))
    return found


def _delivered(storm: Storm, now: int, *, until: int, sent: list[tuple[int, Message]], troubles: list[bool]) -> int:
    """Let time pass until `until`, delivering as often as `troubles` lets through."""
    while True:
        storm.tick(now)
        while (message := storm.next(now)) is not None:
            if troubles and troubles.pop():
                storm.failed(message, now, delay_s=60, whole=True, unknown=False)
            else:
                storm.arrived(message, now)
                sent.append((now, message))
        following = min([storm.wakes_at(now), *([storm.state.retry_at] if storm.state.retry_at > now else [])])
        if following > until:
            return until
        now = following


@given(
    happened=happenings(),
    per_hour=st.integers(4, 12),
    quiet=st.sampled_from([None, "22:00-07:00", "10:00-14:00"]),
    troubles=st.lists(st.booleans(), max_size=20),
)
@settings(max_examples=60)
def test_no_hour_has_more_messages_than_the_limit_and_nothing_that_happens_is_lost(
    happened: list[tuple[int, Telling]], per_hour: int, quiet: str | None, troubles: list[bool]
) -> None:
    limits = Limits(target="t", per_hour=per_hour, quiet=parse_quiet(quiet) if quiet else None)
    sent: list[tuple[int, Message]] = []
    storm, now = Storm(State(), limits), NOON
    raised = 0
    for minutes, telling in happened:
        now = _delivered(storm, now, until=now + minutes * MINUTE, sent=sent, troubles=troubles)
        storm.take(msgspec.structs.replace(telling, at=now), now)
        raised += not telling.ends
        # A second life reads what the first one wrote.
        storm = Storm(msgspec.json.decode(msgspec.json.encode(storm.state), type=State), limits)
    _delivered(storm, now, until=now + 48 * HOUR, sent=sent, troubles=[])
    assert storm.state.waiting == []
    times = [at for at, _ in sent]
    assert all(sum(at - HOUR < other <= at for other in times) <= per_hour for at in times)
    assert sum(m.covers for _, m in sent) == raised
    critical = {t.key for _, t in happened if not t.ends and t.severity == "critical"}
    assert critical <= {key for _, m in sent for key in m.keys if m.severity == "critical"}
