"""`[slots]`: when posts may go out, and how much of that is left to chance so that something can be learned."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from steersman.content.settings.channels import ChannelSettings
from steersman.kernel.durations import seconds
from steersman.kernel.toml_file import TomlFile

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN: Final = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


class ChannelSlots(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[slots.channel.NAME]`: what is different there; fields as in `[slots]`."""

    hours: tuple[str, ...] | None = None
    quiet: tuple[str, ...] | None = None
    weekdays: tuple[str, ...] | None = None
    blackout: tuple[str, ...] | None = None
    min_gap: str | None = None
    daily_cap: int | None = None
    random_ratio: float | None = None
    usual: str | None = None
    step: str | None = None
    horizon: str | None = None


class SlotSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[slots]`; what stands in `[slots.channel.NAME]` wins for that channel.

    Attributes:
        hours: of the day in the desk's zone in which posts may go out, e.g. "08:00-20:00"; "22:00-02:00" goes past
            midnight, and weekdays are those of the time on the wall.
        quiet: hours taken out of them, e.g. "12:00-13:00".
        weekdays: allowed days.
        blackout: days on which nothing goes out, "2026-12-24" or "2026-12-24..2026-12-26", both included.
        min_gap: shortest span between two posts of a channel.
        daily_cap: most posts a day and channel.
        random_ratio: share of posts (0..1) whose slot is drawn, so that lift can be estimated.
        seed: of that draw.
        usual: the time at which the operator would publish without us, what the lift is compared with; empty: none.
        step: how far apart the times are that are looked at.
        horizon: how far ahead slots are looked for.
        automatic: a draft without a date waits for a slot, and the desk gives it one; else it goes out at once, and
            slots are for those that somebody schedules.
        channel: differences by channel.
    """

    automatic: bool = False
    hours: tuple[str, ...] = ("08:00-20:00",)
    quiet: tuple[str, ...] = ()
    weekdays: tuple[str, ...] = WEEKDAYS
    blackout: tuple[str, ...] = ()
    min_gap: str = "4h"
    daily_cap: int = 3
    random_ratio: float = 0.2
    seed: int = 1
    usual: str = ""
    step: str = "30m"
    horizon: str = "7d"
    channel: dict[str, ChannelSlots] = {}

    def of(self, channel: str) -> SlotSettings:
        """Return what holds for `channel`."""
        own = self.channel.get(channel)
        if own is None:
            return self
        changed = {name: value for name, value in msgspec.structs.asdict(own).items() if value is not None}
        return msgspec.structs.replace(self, **changed)


def minutes(span: str) -> tuple[int, int]:
    """Return begin and end of `08:00-20:00` in minutes of the day, the end in 1..1440 and maybe before the begin.

    Raises:
        ValueError: not of that form, or of no length.
    """
    match = _SPAN.fullmatch(span)
    if match is None:
        raise ValueError(f"{span!r} is no span of the day")
    hours = [int(part) for part in match.groups()]
    begins, ends = 60 * hours[0] + hours[1], 60 * hours[2] + hours[3]
    if begins >= 1440 or not 0 < ends <= 1440 or begins == ends:
        raise ValueError(f"{span!r} is no span of the day")
    return begins, ends


def days(blackout: str) -> tuple[dt.date, dt.date]:
    """Return first and last day of `2026-12-24` or `2026-12-24..2026-12-26`.

    Raises:
        ValueError: not of that form, or ends before it begins.
    """
    first, _, last = blackout.partition("..")
    begins, ends = dt.date.fromisoformat(first), dt.date.fromisoformat(last or first)
    if ends < begins:
        raise ValueError(f"{blackout!r} ends before it begins")
    return begins, ends


def read(file: TomlFile, channels: Mapping[str, ChannelSettings]) -> SlotSettings:
    """Decode and check `[slots]`.

    Raises:
        Misconfigured: names file, line, field, what was found and what is allowed.
    """
    found = file.section(("slots",), SlotSettings)
    for name in found.channel:
        if name not in channels:
            raise file.error(
                ("slots", "channel", name),
                f"there is no channel {name!r}, allowed: {', '.join(sorted(channels)) or 'none is declared'}",
                fix=f"declare [channel.{name}], or take this section out",
            )
    for name, settings in [("", found), *((name, found.of(name)) for name in found.channel)]:
        _check(_Place(file, name, found.channel.get(name)), settings)
    return found


class _Place:
    """Where a field stands: with the channel if it was set there, else in `[slots]`."""

    def __init__(self, file: TomlFile, channel: str, own: ChannelSlots | None) -> None:
        self._file = file
        self._channel = channel
        self._own = own

    def require(self, holds: bool, field: str, found: object, allowed: str, fix: str) -> None:
        if holds:
            return
        here = self._own is not None and getattr(self._own, field, None) is not None
        path = ("slots", "channel", self._channel, field) if here else ("slots", field)
        raise self._file.error(path, f"found {found!r}, allowed: {allowed}", fix=fix)


def _check(place: _Place, settings: SlotSettings) -> None:
    for field in ("hours", "quiet"):
        for span in getattr(settings, field):
            place.require(_reads(minutes, span), field, span, "spans of the day", 'write e.g. ["08:00-20:00"]')
    place.require(bool(settings.hours), "hours", [], "one span at least", 'write e.g. ["08:00-20:00"]')
    place.require(bool(settings.weekdays), "weekdays", [], ", ".join(WEEKDAYS), 'write e.g. ["mon", "tue"]')
    for day in settings.weekdays:
        place.require(day in WEEKDAYS, "weekdays", day, ", ".join(WEEKDAYS), 'write e.g. ["mon", "tue"]')
    for text in settings.blackout:
        place.require(_reads(days, text), "blackout", text, "days", 'write "2026-12-24" or "2026-12-24..2026-12-26"')
    _check_span(place, settings, "min_gap", 0, 30 * 86_400, "0s to 30d", "4h")
    _check_span(place, settings, "step", 300, 86_400, "5m to 24h", "30m")
    _check_span(place, settings, "horizon", 86_400, 90 * 86_400, "1d to 90d", "14d")
    place.require(1 <= settings.daily_cap <= 100, "daily_cap", settings.daily_cap, "1 to 100", "write daily_cap = 3")
    place.require(
        0 <= settings.random_ratio <= 1, "random_ratio", settings.random_ratio, "0 to 1", "write random_ratio = 0.2"
    )
    place.require(
        not settings.usual or _TIME.fullmatch(settings.usual) is not None,
        "usual", settings.usual, "a time of the day", 'write usual = "09:00"',
    )  # fmt: skip


def _check_span(
    place: _Place, settings: SlotSettings, field: str, least: float, most: float, allowed: str, example: str
) -> None:
    text = getattr(settings, field)
    holds = _reads(seconds, text) and least <= seconds(text) <= most
    place.require(holds, field, text, allowed, f'write {field} = "{example}"')


def _reads(reader: Callable[[str], object], text: str) -> bool:
    try:
        reader(text)
    except ValueError:
        return False
    return True
