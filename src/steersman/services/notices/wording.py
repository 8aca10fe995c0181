"""Sentences with the facts of an event in them: `{automation} failed`, safe to show anywhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from steersman.kernel.clock import utc
from steersman.kernel.durations import spoken

_PLACE: Final = re.compile(r"\{([a-z_]+(?:\.[a-z_]+)*)\}")
_CALLS: Final = re.compile(
    r"@(?=(?:everyone|here|channel|all|room)\b|_?\*\*)|<(?=[@!#]|users/)|\](?=\()", re.IGNORECASE
)
_NOTHING: Final = "\u200b"
_LONGEST: Final = 240
_MOST: Final = 3
_NEVER: Final = 2**62


def filled(
    template: str, data: Mapping[str, object], tz: str, *, each: Callable[[str], str] = lambda value: value
) -> str:
    """Return `template` with each `{field}` replaced from `data` and passed through `each`; `{a.b}` is a field within.

    Instants (`..._at`, ns) are said on the clocks of `tz`, spans (`..._s`) as people say them; of a list the first
    three. What is not there is said as `?`.
    """
    return _PLACE.sub(lambda found: each(_said(data, found.group(1), tz)), template)


def command(template: str, data: Mapping[str, object], tz: str) -> str:
    """Return a command line with the facts of an event in it, each one word whatever it holds.

    What an event says is not ours: it must not become a second command in the terminal of who pastes the first.
    """
    return filled(template, data, tz, each=shlex.quote)


def page(template: str, data: Mapping[str, object], tz: str) -> str:
    """Return the path of a page with the facts of an event in it."""
    return filled(template, data, tz, each=lambda value: quote(value, safe="/"))


def clean(value: object) -> str:
    """Return one line of printable text: no control character and no mark that turns text around."""
    line = " ".join(str(value).split())
    shown = "".join(c for c in line if c.isprintable())
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


def calm(text: str) -> str:
    """Return `text` for a chat: it calls nobody and hides no link, and looks the same.

    What an event says may come from anywhere (the title of a draft, the last words of a script), and most chats take
    `@everyone`, `<!channel>` and `[words](address)` also in plain text.
    """
    return _CALLS.sub(lambda found: found.group() + _NOTHING, text)


def moment(at_ns: int, tz: str) -> str:
    """Return an instant as people at `tz` say it, e.g. `Tue 24 Nov 17:05`."""
    return f"{utc(at_ns).astimezone(ZoneInfo(tz)):%a %d %b %H:%M}"


def _said(data: Mapping[str, object], path: str, tz: str) -> str:
    here: object = data
    for part in path.split("."):
        here = here.get(part) if isinstance(here, Mapping) else None
    if here is None or here == "":
        return "?"
    last = path.rpartition(".")[2]
    if isinstance(here, int | float) and not isinstance(here, bool):
        if last.endswith("_at"):
            return moment(int(here), tz) if 0 <= here < _NEVER else "?"
        if last.endswith("_s"):
            return spoken(round(here) if here >= 10 else round(here, 1))
    if isinstance(here, list | tuple):
        return clean("; ".join(str(one) for one in here[:_MOST]) + (" ..." if len(here) > _MOST else ""))
    return clean(here)
