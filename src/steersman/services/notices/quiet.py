"""Hours in which only what is critical may wake anybody. Pure."""

from __future__ import annotations

import re
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from steersman.kernel.clock import utc

_FORM: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


class Quiet(msgspec.Struct, frozen=True):
    """From minute `begin` to minute `end` of the day; over midnight where `end` is not later."""

    begin: int
    end: int
    text: str

    def covers(self, at_ns: int, tz: str) -> bool:
        """Say whether `at_ns` lies in these hours, on the clocks of `tz`."""
        here = utc(at_ns).astimezone(ZoneInfo(tz))
        minute = here.hour * 60 + here.minute
        if self.begin < self.end:
            return self.begin <= minute < self.end
        return minute >= self.begin or minute < self.end


def parse_quiet(text: str) -> Quiet:
    """Return the hours that `text` names, e.g. `22:00-07:00`.

    Raises:
        ValueError: it names none.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"found {text!r}; allowed: two times of the day, such as 22:00-07:00")
    hours = [int(group) for group in found.groups()]
    begin, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    if begin == end:
        raise ValueError(f"found {text!r}, which begins when it ends")
    return Quiet(begin, end, text.strip())
