"""How the commands of `steersman auto` say things: statuses, times, and the text of logs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from steersman.kernel.clock import on_the_wall
from steersman.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from rich.text import Text

COLOURS: Final = {"succeeded": "green", "failed": "bold red", "timed_out": "bold red", "orphaned": "bold red"}
MAX_SHOWN_BYTES: Final = 1 << 20


def word(status: str | None) -> Text:
    """Return a status as a word; colour only underlines it."""
    from rich.text import Text  # only the human form needs it

    return Text((status or "never ran").replace("_", " "), style=COLOURS.get(status or "", ""))


def local(at_ns: int, tz: str, *, zone: bool = True) -> str:
    """Return an instant on the clocks of `tz`, e.g. `Tue 24 Nov 17:05 UTC`."""
    return on_the_wall(at_ns, tz, zone=zone)


def span(seconds: float) -> str:
    """Return seconds in their two largest units, e.g. `1h 5m`."""
    whole = round(seconds)
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, secs = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (secs, "s")]
    shown = [f"{n}{unit}" for n, unit in parts if n][:2]
    return " ".join(shown) or "now"


def read_log(path: Path) -> str:
    """Return the beginning of a log, as text that is safe to show.

    Raises:
        Misconfigured: it is gone, or something else lies in its place.
    """
    from steersman.automation.runner.follow import SafeText, open_log  # `--help` needs no domain

    try:
        with os.fdopen(open_log(path), "rb") as file:
            safe = SafeText()
            return safe.take(file.read(MAX_SHOWN_BYTES)) + safe.end()
    except FileNotFoundError as exc:
        raise Misconfigured(
            f"the log {path.name} is gone: older runs are cleared away", fix="raise keep_runs for this automation"
        ) from exc
    except OSError as exc:
        raise Misconfigured(
            f"what lies at {path} cannot be read as a log: {exc.strerror}",
            fix="find out who put it there; scripts can write where their logs lie",
        ) from exc
