"""What a slot must keep to, and the sentence that says which rule it would break."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from steersman.content.settings.slots import WEEKDAYS, SlotSettings, days, minutes
from steersman.content.slots.model import Slot, Taken, WaitingPost
from steersman.kernel.clock import utc
from steersman.kernel.durations import seconds, spoken

SECOND_NS: Final = 1_000_000_000


class Constraints(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one channel, ready to use; times are on the wall of `tz`.

    Attributes:
        tz: IANA name.
        hours, quiet: (begin, end) in minutes of the day; an end before its begin goes past midnight.
        weekdays: 0 is Monday.
        blackout: first and last day, both included.
        min_gap_s: between two posts.
        daily_cap: posts a day.
        step_min: candidates are this many minutes apart.
        horizon_s: how far ahead slots are offered.
        random_ratio: share of posts whose slot is drawn, 0..1.
    """

    tz: str
    hours: tuple[tuple[int, int], ...] = ((480, 1200),)
    quiet: tuple[tuple[int, int], ...] = ()
    weekdays: frozenset[int] = frozenset(range(7))
    blackout: tuple[tuple[dt.date, dt.date], ...] = ()
    min_gap_s: float = 4 * 3600.0
    daily_cap: int = 3
    step_min: int = 30
    horizon_s: float = 7 * 86_400.0
    random_ratio: float = 0.2

    @property
    def min_gap_ns(self) -> int:
        """`min_gap_s` in ns."""
        return round(self.min_gap_s * SECOND_NS)

    def allows(self, wall: dt.datetime) -> bool:
        """Whether anything may go out at that naive time on the wall."""
        minute, day = wall.hour * 60 + wall.minute, wall.date()
        return (
            wall.weekday() in self.weekdays
            and any(_inside(minute, span) for span in self.hours)
            and not any(_inside(minute, span) for span in self.quiet)
            and not any(first <= day <= last for first, last in self.blackout)
        )


def constraints_of(settings: SlotSettings, channel: str, tz: str) -> Constraints:
    """Return the rules of `channel` from checked settings."""
    own = settings.of(channel)
    return Constraints(
        tz=tz,
        hours=tuple(minutes(span) for span in own.hours),
        quiet=tuple(minutes(span) for span in own.quiet),
        weekdays=frozenset(WEEKDAYS.index(day) for day in own.weekdays),
        blackout=tuple(days(text) for text in own.blackout),
        min_gap_s=seconds(own.min_gap),
        daily_cap=own.daily_cap,
        step_min=max(1, round(seconds(own.step) / 60)),
        horizon_s=seconds(own.horizon),
        random_ratio=own.random_ratio,
    )


class Objection(msgspec.Struct, frozen=True):
    """A rule that a post would break in a slot.

    Attributes:
        rule: `embargo`, `last date`, `min_gap`, `daily_cap` or `campaign`.
        text: in words, to follow "it is".
    """

    rule: str
    text: str


def objection(slot: Slot, post: WaitingPost, taken: Iterable[Taken], rules: Constraints) -> Objection | None:
    """Return the first rule that `post` would break in `slot` beside what is `taken`; None: none.

    Hours, weekdays and blackout are the candidates' business: a slot that breaks them is never offered.
    """
    if post.not_before is not None and slot.at < post.not_before:
        return Objection("embargo", f"before its embargo, {_spoken(post.not_before, slot)}")
    if post.not_after is not None and slot.at > post.not_after:
        return Objection("last date", f"after its last date, {_spoken(post.not_after, slot)}")
    on_day = 0
    for other in taken:
        if abs(other.at - slot.at) < rules.min_gap_ns or other.at == slot.at:
            near = f"closer than {spoken(rules.min_gap_s)} to" if rules.min_gap_s else "at the time of"
            return Objection("min_gap", f"{near} {other.key} ({_spoken(other.at, slot)})")
        if post.campaign and other.campaign == post.campaign:
            if other.order < post.order and slot.at <= other.at:
                return Objection("campaign", f"before {other.key}, which comes first in {post.campaign}")
            if other.order > post.order and slot.at >= other.at:
                return Objection("campaign", f"after {other.key}, which comes later in {post.campaign}")
        on_day += local(other.at, slot.tz).date() == slot.local.date()
    if on_day >= rules.daily_cap:
        return Objection("daily_cap", f"on a day that has {on_day} of {rules.daily_cap} posts already")
    return None


def local(at: int, tz: str) -> dt.datetime:
    """Return the time on the wall of `tz`, aware."""
    return utc(at).astimezone(ZoneInfo(tz))


def _inside(minute: int, span: tuple[int, int]) -> bool:
    begins, ends = span
    return begins <= minute < ends if begins < ends else minute >= begins or minute < ends


def _spoken(at: int, slot: Slot) -> str:
    return f"{local(at, slot.tz):%a %d %b %H:%M}"
