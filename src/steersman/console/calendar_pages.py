"""The page of the calendar: what is out and what is to go out, and what the hours of the week are worth."""

from __future__ import annotations

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request, Response
from markupsafe import Markup

from steersman.bootstrap import scheduling
from steersman.console.act_pages import Rooms
from steersman.console.acts import PERSON
from steersman.content import queries as content
from steersman.content.scheduling import Scheduler
from steersman.content.scheduling.lifts import lifts
from steersman.content.scheduling.pictures import Event, calendar, heatmap_svg, spoken
from steersman.content.slots.heatmap import heatmap
from steersman.kernel.clock import utc

_WEEKS: Final = 2
_FURTHEST: Final = 520


def add_calendar_pages(app: FastAPI, rooms: Rooms) -> None:
    """Add the page; the scheduler is kept, so that a model is fitted once for many looks."""
    kept: list[Scheduler] = []

    def scheduler() -> Scheduler:
        if not kept:
            kept.append(scheduling.scheduler(rooms.desk, actor=PERSON))
        return kept[0]

    @app.get("/content/calendar")
    def content_calendar(request: Request, week: int = 0) -> Response:
        rooms.refresh()
        own, week = scheduler(), max(-_FURTHEST, min(_FURTHEST, week))
        tz, now = rooms.desk.workspace.desk.tz, rooms.desk.clock.now_ns()
        today = utc(now).astimezone(ZoneInfo(tz)).date()
        first = today + dt.timedelta(days=7 * week - today.weekday())
        events = calendar(own.standing.entries(), first=first, days=7 * _WEEKS, tz=tz, now=now)
        return rooms.show(
            request,
            "content_calendar.html",
            "content",
            weeks=_weeks(first, events),
            today=today.isoformat(),
            week=week,
            tz=tz,
            total=len(events),
            titles={row.draft: row.title for row in content.drafts(rooms.desk.db)},
            maps=[_map(rooms, own, channel) for channel in _channels(rooms, own)],
            automatic=rooms.desk.workspace.content.slots.automatic,
        )


def _weeks(first: dt.date, events: list[Event]) -> list[list[dict[str, object]]]:
    """Return the days week by week, each with its posts."""
    days = [first + dt.timedelta(days=n) for n in range(7 * _WEEKS)]
    rows: list[dict[str, object]] = [
        {"date": day.isoformat(), "name": f"{day:%a %d %b}", "events": [e for e in events if e.day == day.isoformat()]}
        for day in days
    ]
    return [rows[start : start + 7] for start in range(0, len(rows), 7)]


def _channels(rooms: Rooms, own: Scheduler) -> list[str]:
    declared = list(rooms.desk.workspace.content.channels)
    return [name for name in declared if name in own.history.channels()]


def _map(rooms: Rooms, own: Scheduler, channel: str) -> dict[str, object]:
    model = own.model(channel)
    types = sorted(set(model.posts.types))
    type_ = types[0] if len(types) == 1 else "post"
    cells = heatmap(model, type_, own.rules(channel), rooms.desk.clock.now_ns())
    best = sorted((c for c in cells if c.allowed and c.told_apart), key=lambda c: -(c.ratio or 0))[:3]
    usual = rooms.desk.workspace.content.slots.of(channel).usual
    return {
        "channel": channel,
        "standing": model.standing,
        "enough": model.enough,
        # Our own picture of numbers; the one text in it is escaped where it is made.
        "svg": Markup(heatmap_svg(cells, f"What the hours of the week are worth on {channel}")),  # noqa: S704 - as above
        "best": [spoken(cell) for cell in best],
        "lift": list(dict.fromkeys(verdict.text for verdict in lifts(own, channel, usual=usual))),
    }
