"""The timeline of runs: one lane per automation, as SVG that is as wide as its page and as small as its limit.

Places along the time are shares of the width in per cent, so that the picture needs no script to fit a phone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from html import escape
from types import MappingProxyType
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec

from steersman.automation.history import Dropped, Stretch
from steersman.console.when import span
from steersman.kernel.clock import to_ns, utc
from steersman.kernel.plurals import counted

_HOUR_NS: Final = 3_600_000_000_000
SPANS: Final = {"24h": 24, "7d": 168}
"""The spans a page offers, in hours."""
_AHEAD: Final = 6
"""A sixth of the span lies ahead of now."""
SLOTS: Final = 360
MOST_BARS: Final = 480
"""Bars of all lanes together; where there would be more, neighbours become one."""
_BAD: Final = ("failed", "timed_out", "orphaned")
_NEXT_APART: Final = 1.5
_LEAST: Final = 0.35
"""Per cent of the width: what is shorter is drawn as long, so that one can see it."""


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """The span that is drawn, ns since 1970 UTC; `now` lies within it."""

    name: str
    since: int
    now: int
    until: int
    tz: str

    @property
    def slot_ns(self) -> int:
        return max(1, (self.until - self.since) // SLOTS)

    def share(self, at: int) -> float:
        """Return where an instant lies, in per cent of the width, cut to the frame."""
        return max(0.0, min(100.0, (at - self.since) / (self.until - self.since) * 100))


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """An instant in a lane. `kind` is dropped, overdue or next; `what` says what it stands for."""

    kind: str
    at: int
    what: str


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Something that waits since `since` and has not started; `why` in words."""

    since: int
    why: str


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """One automation: its runs in figures, what comes next in words, and the picture.

    Attributes:
        state: bad (its latest run failed), warn (it is overdue), paused, or empty; `note` says more of it.
    """

    automation: str
    runs: int
    failed: int
    dropped: int
    next_at: int | None
    state: str
    note: str
    drawn: str


class Lanes(msgspec.Struct, frozen=True, kw_only=True):
    """The timeline: its frame, the axis as SVG, and the lanes."""

    frame: Frame
    axis: str
    lanes: tuple[Lane, ...]


def frame(name: str, now_ns: int, tz: str) -> Frame:
    """Return the frame called `name` around now. Now is the next whole minute: in between the picture stands."""
    now = -(-now_ns // 60_000_000_000) * 60_000_000_000
    length = SPANS[name] * _HOUR_NS
    return Frame(name=name, since=now - length, now=now, until=now + length // _AHEAD, tz=tz)


def lanes(
    frame: Frame,
    names: Sequence[str],
    stretches: Iterable[Stretch],
    dropped: Iterable[Dropped],
    *,
    coming: Mapping[str, Sequence[int]],
    waiting: Mapping[str, Sequence[Wait]],
    overdue: Mapping[str, Sequence[Mark]],
    late: Collection[str] = (),
    paused: Mapping[str, str] = MappingProxyType({}),
) -> Lanes:
    """Draw `names` in their order.

    Args:
        coming: starts to come, by automation.
        waiting: what waits now, by automation.
        overdue: marks of what should have succeeded and did not, by automation.
        late: those that are overdue now.
        paused: why each that is held back is, in words.
    """
    mine: dict[str, list[Stretch]] = {name: [] for name in names}
    lost: dict[str, list[Dropped]] = {name: [] for name in names}
    for stretch in stretches:
        mine.get(stretch.automation, []).append(stretch)
    for one in dropped:
        lost.get(one.automation, []).append(one)
    room = max(8, MOST_BARS // max(1, len(names)))
    drawn = [
        _lane(
            frame,
            name,
            merged(mine[name], room),
            lost[name],
            coming.get(name, ()),
            waiting.get(name, ()),
            overdue.get(name, ()),
            ("paused", paused[name]) if name in paused else ("warn", "overdue") if name in late else None,
        )
        for name in names
    ]
    return Lanes(frame=frame, axis=_axis(frame), lanes=tuple(drawn))


def merged(found: list[Stretch], room: int) -> list[Stretch]:
    """Return at most `room` stretches: neighbours become one, the whole span evenly."""
    if len(found) <= room:
        return found
    each = -(-len(found) // room)
    return [_one(found[at : at + each]) for at in range(0, len(found), each)]


def _one(few: list[Stretch]) -> Stretch:
    last = few[-1]
    ends = [s.end_at for s in few if s.end_at is not None]
    return msgspec.structs.replace(
        last,
        runs=sum(s.runs for s in few),
        failed=sum(s.failed for s in few),
        cancelled=sum(s.cancelled for s in few),
        open=sum(s.open for s in few),
        tries=sum(s.tries for s in few),
        due_at=few[0].due_at,
        start_at=few[0].start_at,
        end_at=None if any(s.open for s in few) else max(ends, default=last.end_at),
    )


def _lane(
    frame: Frame,
    name: str,
    runs: Sequence[Stretch],
    dropped: Sequence[Dropped],
    coming: Sequence[int],
    waiting: Sequence[Wait],
    overdue: Sequence[Mark],
    known: tuple[str, str] | None,
) -> Lane:
    missed = [
        Mark(kind="dropped", at=d.at, what=f"{counted(d.starts, 'start')} did not happen: {d.reason}")
        for d in _thinned(dropped)
    ]
    comes = [Mark(kind="next", at=at, what="starts") for at in _apart(frame, coming)]
    body = [_run(frame, stretch) for stretch in runs] + [_wait(frame, wait) for wait in waiting]
    body += [_mark(frame, mark) for mark in (*missed, *overdue, *comes)]
    state, note = known or (("bad", "its latest run failed") if runs and runs[-1].status in _BAD else ("", ""))
    return Lane(
        automation=name,
        runs=sum(s.runs for s in runs),
        failed=sum(s.failed for s in runs),
        dropped=sum(d.starts for d in dropped),
        next_at=coming[0] if coming else None,
        state=state,
        note=note,
        drawn='<svg class="lane" height="24" aria-hidden="true"><use href="#lane-grid"/>' + "".join(body) + "</svg>",
    )


def _thinned(dropped: Sequence[Dropped], most: int = 40) -> list[Dropped]:
    """Return the marks of a lane, the neighbours of very many as one."""
    each = max(1, -(-len(dropped) // most))
    parts = [dropped[at : at + each] for at in range(0, len(dropped), each)]
    return [msgspec.structs.replace(part[-1], starts=sum(d.starts for d in part)) for part in parts]


def _apart(frame: Frame, coming: Sequence[int]) -> Iterator[int]:
    """Yield the starts within the frame that can be told apart in it."""
    last = float("-inf")
    for at in coming:
        if at <= frame.until and frame.share(at) - last >= _NEXT_APART:
            last = frame.share(at)
            yield at


def _run(frame: Frame, s: Stretch) -> str:
    left = frame.share(s.start_at)
    right = frame.share(frame.now if s.end_at is None else s.end_at)
    wide = max(right - left, _LEAST)
    left = max(0.0, min(left, frame.share(frame.now) - wide))
    waited = frame.share(s.due_at)
    bars = _box("wait", waited, left - waited, 10, 4) if s.runs == 1 and left - waited > _LEAST else ""
    if s.open:
        bars += _box("open", left, wide, 4, 16)
    elif s.failed < s.runs:
        bars += _box("off" if s.cancelled == s.runs else "ok", left, wide, 8, 8)
    if s.failed:
        # Of several runs the share that failed is as high; one that failed is seen among a thousand that did not.
        tall = max(4, round(16 * s.failed / s.runs))
        bars += _box("bad", left, wide, 20 - tall, tall)
    bar = f"{bars}<title>{escape(_said(frame, s))}</title>"
    where = f"/runs/{quote(s.run_id, safe='')}" if s.runs == 1 else f"/automations/{quote(s.automation, safe='')}"
    return f'<a href="{where}" tabindex="-1">{bar}</a>'


def _said(frame: Frame, s: Stretch) -> str:
    start = _clock(frame, s.start_at)
    if s.runs > 1:
        until = "now" if s.end_at is None else _clock(frame, s.end_at)
        parts = [(s.runs - s.failed - s.cancelled - s.open, "good"), (s.failed, "failed"), (s.cancelled, "cancelled")]
        words = ", ".join(f"{n} {word}" for n, word in (*parts, (s.open, "under way")) if n)
        return f"{start} to {until}: {s.runs} runs, {words}"
    took = "" if s.end_at is None else f" after {span((s.end_at - s.start_at) / 1e9)}"
    tries = f", {s.tries} attempts" if s.tries > 1 else ""
    late_s = (s.start_at - s.due_at) / 1e9
    late = f"; due {_clock(frame, s.due_at)}, started {span(late_s)} later" if late_s >= 1 else ""
    return f"{start}: {s.status.replace('_', ' ')}{took}{tries}{late}"


def _wait(frame: Frame, wait: Wait) -> str:
    left = frame.share(wait.since)
    wide = max(frame.share(frame.now) - left, _LEAST)
    title = f"since {_clock(frame, wait.since)}: {wait.why}"
    return f"<g>{_box('wait', left, wide, 10, 4)}<title>{escape(title)}</title></g>"


def _mark(frame: Frame, mark: Mark) -> str:
    at = f"{frame.share(mark.at):.2f}%"
    title = f"<title>{escape(f'{_clock(frame, mark.at)}: {mark.what}')}</title>"
    if mark.kind == "next":
        return f'<circle class="m-next" cx="{at}" cy="12" r="3.5">{title}</circle>'
    sign = "×" if mark.kind == "dropped" else "!"
    return f'<text class="m-{mark.kind}" x="{at}" y="17">{sign}{title}</text>'


def _box(kind: str, left: float, wide: float, top: int, tall: int) -> str:
    return f'<rect class="b-{kind}" x="{left:.2f}%" y="{top}" width="{wide:.2f}%" height="{tall}"/>'


def _clock(frame: Frame, at: int) -> str:
    return utc(at).astimezone(ZoneInfo(frame.tz)).strftime("%a %H:%M" if frame.name != "24h" else "%H:%M")


def _axis(frame: Frame) -> str:
    """Draw the hours or days, and the lines that all lanes share."""
    now = f"{frame.share(frame.now):.2f}%"
    lines, words = [], []
    for at, word in _ticks(frame):
        share = frame.share(at)
        lines.append(f'<line class="lane-tick" x1="{share:.2f}%" x2="{share:.2f}%" y1="0" y2="24"/>')
        if abs(share - frame.share(frame.now)) > 7 and 1 < share < 95:
            words.append(f'<text x="{share:.2f}%" y="14">{word}</text>')
    grid = f'<g id="lane-grid">{"".join(lines)}<line class="lane-now" x1="{now}" x2="{now}" y1="0" y2="24"/></g>'
    return (
        f'<svg class="lane axis" height="20" aria-hidden="true"><defs>{grid}</defs>{"".join(words)}'
        f'<text class="now-word" x="{now}" y="14">now</text></svg>'
    )


def _ticks(frame: Frame) -> list[tuple[int, str]]:
    """Return every sixth hour of a day, or every midnight of a week, on the clocks of the desk."""
    zone = ZoneInfo(frame.tz)
    step = 6 if frame.name == "24h" else 24
    at = utc(frame.since).astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    found: list[tuple[int, str]] = []
    while True:
        local: datetime = at.replace(tzinfo=zone)
        ns = to_ns(local)
        if ns >= frame.until:
            return found
        if ns > frame.since:
            found.append(
                (
                    ns,
                    local.strftime(
                        '%a<tspan class="axis-day"> %-d</tspan>' if step == 24 else "%H:%M" if local.hour else "%a"
                    ),
                )
            )
        at += timedelta(hours=step)
