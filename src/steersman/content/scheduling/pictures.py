"""The calendar and the heatmap as data and as pictures: pure functions of what stands and what is expected."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from html import escape
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from steersman.content.scheduling.scheduler import stands_at
from steersman.content.scheduling.standing import Entry
from steersman.content.slots.heatmap import Cell
from steersman.kernel.clock import utc

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SHADES: Final = " ░▒▓█"
_CELL: Final = 24
_LEFT: Final = 44
_TOP: Final = 22


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One post in the calendar. `state` is scheduled, published or late (should be out, and is not)."""

    at: int
    day: str
    time: str
    key: str
    channel: str
    draft: str
    title: str
    state: str
    how: str
    expected: float | None
    low: float | None
    high: float | None
    n: int
    reason: str
    url: str


def calendar(entries: Sequence[Entry], *, first: dt.date, days: int, tz: str, now: int) -> list[Event]:
    """Return the posts of some days on the wall of `tz`, in time order."""
    zone = ZoneInfo(tz)
    found = []
    for entry in entries:
        at = stands_at(entry)
        wall = utc(at).astimezone(zone)
        if not 0 <= (wall.date() - first).days < days:
            continue
        slot = entry.scheduled
        state = "published" if entry.published_at is not None else "late" if at + 60_000_000_000 < now else "scheduled"
        found.append(
            Event(
                at=at,
                day=wall.date().isoformat(),
                time=f"{wall:%H:%M}",
                key=entry.key,
                channel=entry.channel,
                draft=entry.draft,
                title=entry.title or entry.draft,
                state=state,
                how="" if slot is None else slot.how,
                expected=None if slot is None else slot.expected,
                low=None if slot is None else slot.low,
                high=None if slot is None else slot.high,
                n=0 if slot is None else slot.n,
                reason="" if slot is None else slot.reason,
                url=entry.url,
            )
        )
    return sorted(found, key=lambda one: (one.at, one.key))


def heatmap_text(cells: Sequence[Cell]) -> list[str]:
    """Return the heatmap in characters, 24 columns by 7 rows: darker is more, `▒` alike; `·` is not allowed."""
    top = max((abs(c.ratio) for c in cells if c.ratio is not None), default=0.0) or 1.0
    lines = ["     " + "".join(f"{hour:<3}" for hour in range(0, 24, 3))]
    for day, name in enumerate(DAYS):
        row = [c for c in cells if c.weekday == day]
        lines.append(f"{name}  " + "".join(_shade(cell, top) for cell in row))
    return lines


def heatmap_svg(cells: Sequence[Cell], title: str) -> str:
    """Return the heatmap as a picture; each cell says its figures in a `<title>`, so that colour is never alone."""
    top = max((abs(c.ratio) for c in cells if c.ratio is not None), default=0.0) or 1.0
    width, height = _LEFT + 24 * _CELL + 4, _TOP + 7 * _CELL + 4
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="heatmap" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{escape(title, quote=True)}">'
    )
    parts = [f'<text x="{_LEFT + h * _CELL}" y="14" class="axis">{h:02d}</text>' for h in range(0, 24, 3)]
    parts += [f'<text x="4" y="{_TOP + d * _CELL + 16}" class="axis">{name}</text>' for d, name in enumerate(DAYS)]
    parts += [_rect(cell, top) for cell in cells]
    return "".join([head, *parts, "</svg>"])


def spoken(cell: Cell) -> str:
    """Return a cell in words: `Tue 09:00: +4% (-3% to +11%), 12 posts`."""
    place = f"{DAYS[cell.weekday]} {cell.hour:02d}:00"
    posts = f"{cell.n} post" + ("" if cell.n == 1 else "s")
    told = "not enough data"
    if cell.ratio is not None and cell.low is not None and cell.high is not None:
        told = f"{cell.ratio:+.0%} ({cell.low:+.0%} to {cell.high:+.0%})" + ("" if cell.told_apart else ", alike")
    return f"{place}: {told}, {posts}" + ("" if cell.allowed else ", not allowed")


def _rect(cell: Cell, top: float) -> str:
    strength = 0.0 if cell.ratio is None else abs(cell.ratio) / top
    tone = "none" if cell.ratio is None or not cell.told_apart else "more" if cell.ratio >= 0 else "less"
    # Nine steps: a class each, because the page allows no inline style.
    step = f"s{round(strength * 8)}"
    x, y = _LEFT + cell.hour * _CELL, _TOP + cell.weekday * _CELL
    outside = "" if cell.allowed else " outside"
    dot = f'<circle cx="{x + 11}" cy="{y + 11}" r="{min(8, 2 + cell.n**0.5):.1f}" class="seen"/>' if cell.n else ""
    return (
        f'<g class="cell {tone} {step}{outside}"><title>{escape(spoken(cell))}</title>'
        f'<rect x="{x}" y="{y}" width="{_CELL - 2}" height="{_CELL - 2}" rx="3"/>{dot}</g>'
    )


def _shade(cell: Cell, top: float) -> str:
    if not cell.allowed:
        return "·"
    if cell.ratio is None:
        return "?"
    if not cell.told_apart:
        return _SHADES[2]
    return _SHADES[min(4, int((cell.ratio / top + 1) / 2 * 5))]
