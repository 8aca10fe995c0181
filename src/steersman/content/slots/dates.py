"""Dates as exports write them; which of two numbers is the day is settled by the whole file, never guessed by line."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from typing import Final, Literal
from zoneinfo import ZoneInfo

from steersman.content.model.walltime import resolve
from steersman.kernel.clock import to_ns
from steersman.kernel.errors import Rejected

Order = Literal["mdy", "dmy"]

_SLASHED: Final = re.compile(
    r"(\d{1,2})[/.](\d{1,2})[/.](\d{4}|\d{2})[ ,T]+(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([AaPp][Mm])?"
)
_EPOCH: Final = re.compile(r"\d{10}(\d{3})?")


def order_of(texts: Iterable[str]) -> Order | None:
    """Return whether `4/5/2018` dates give the month or the day first; None: every date reads both ways, or none is so.

    Raises:
        Rejected: some can only be read one way and some only the other.
    """
    seen: dict[Order, str] = {}
    for text in texts:
        match = _SLASHED.fullmatch(text.strip())
        if match and int(match[1]) > 12 >= int(match[2]):
            seen.setdefault("dmy", text)
        elif match and int(match[2]) > 12 >= int(match[1]):
            seen.setdefault("mdy", text)
    if len(seen) == 2:
        raise Rejected(
            f"dates contradict each other: {seen['dmy']!r} has the day first, {seen['mdy']!r} the month",
            fix="write all dates one way, best as 2018-04-22 06:00",
        )
    return next(iter(seen), None)


def is_slashed(text: str) -> bool:
    """Whether a date needs an order to be read."""
    return _SLASHED.fullmatch(text.strip()) is not None


def instant(text: str, tz: str, order: Order) -> int:
    """Return ns since 1970 UTC of an ISO date, `4/22/2018 6:00`, `22.04.2018, 06:00`, or seconds (ms) since 1970.

    Args:
        tz: zone of dates that name none.

    Raises:
        ValueError: none of them.
    """
    text = text.strip()
    if epoch := _EPOCH.fullmatch(text):
        return int(text) * (1_000_000 if epoch[1] else 1_000_000_000)
    match = _SLASHED.fullmatch(text)
    when = _slashed(match, order) if match else dt.datetime.fromisoformat(text)
    if when.tzinfo is not None:
        return to_ns(when.astimezone(dt.UTC))
    return resolve(when, ZoneInfo(tz)).at


def _slashed(match: re.Match[str], order: Order) -> dt.datetime:
    first, second, year = int(match[1]), int(match[2]), int(match[3])
    month, day = (first, second) if order == "mdy" else (second, first)
    hour = int(match[4])
    if match[7]:
        if not 1 <= hour <= 12:
            raise ValueError(f"hour {hour} {match[7]}")
        hour = hour % 12 + (12 if match[7].lower() == "pm" else 0)
    date = dt.date(year + 2000 if year < 100 else year, month, day)
    return dt.datetime.combine(date, dt.time(hour, int(match[5]), int(match[6] or 0)))
