"""Parameters of an automation: a default each, values by hand, carried by command line and environment."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

from steersman.kernel.clock import utc

Value = str | int | float | bool
NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
SCHEDULED_AT: Final = "STEERSMAN_SCHEDULED_AT"
RESERVED: Final = ("scheduled_at", "scheduled_date")
"""What `{name}` in a command line stands for besides parameters."""
_MAX_CHARACTERS: Final = 4096


def resolved(declared: Mapping[str, Value], given: Mapping[str, str]) -> dict[str, str]:
    """Return every declared parameter as text: what was given, read as the default's type, else the default.

    Raises:
        ValueError: not declared, or not of its type; names it, what was found and what is allowed.
    """
    unknown = [name for name in given if name not in declared]
    if unknown:
        raise ValueError(f"there is no parameter {unknown[0]!r}; declared: {', '.join(declared) or 'none'}")
    return {name: _text(name, default, given.get(name)) for name, default in declared.items()}


def filled(run: str, params: Mapping[str, str]) -> str:
    """Return the command line with `{name}` replaced by the quoted value; braces around other words stay."""
    if not params:
        return run
    names = "|".join(map(re.escape, params))
    return re.sub(rf"\{{({names})\}}", lambda found: shlex.quote(params[found.group(1)]), run)


def variables(params: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that carries them: `STEERSMAN_PARAM_DAYS=5`."""
    return {f"STEERSMAN_PARAM_{name.upper()}": value for name, value in params.items()}


def start_words(at_ns: int, tz: str) -> dict[str, str]:
    """Return the start that a run stands for as commands get it, on the clocks of `tz`.

    E.g. scheduled_at `2026-11-24T17:05:00-05:00`, scheduled_date `2026-11-24`.
    """
    local = utc(at_ns).astimezone(ZoneInfo(tz))
    return {"scheduled_at": local.isoformat(timespec="seconds"), "scheduled_date": local.date().isoformat()}


def _text(name: str, default: Value, given: str | None) -> str:
    if given is None:
        return str(default).lower() if isinstance(default, bool) else str(default)
    if "\0" in given or len(given) > _MAX_CHARACTERS:
        raise ValueError(f"{name}: allowed is text of up to {_MAX_CHARACTERS} characters without NUL")
    if isinstance(default, bool):
        if given.lower() not in ("true", "false"):
            raise ValueError(f"{name}: found {given!r}, allowed: true or false")
        return given.lower()
    kind = type(default)
    try:
        kind(given)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise ValueError(f"{name}: found {given!r}, allowed: {what}") from None
    return given
