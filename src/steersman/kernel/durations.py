"""Spans as people write them: `90s`, `5m`, `1h30m`, `2d`."""

from __future__ import annotations

import re
from collections.abc import Iterator

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def seconds(text: str) -> float:
    """Return the seconds of `text`, e.g. `1h30m` -> 5400.0.

    Raises:
        ValueError: not a sequence of number and unit (ms, s, m, h, d).
    """
    parts = _PART.findall(text.replace(" ", ""))
    if not parts or "".join(a + b for a, b in parts) != text.replace(" ", ""):
        raise ValueError(f"{text!r} is not a span: write e.g. 500ms, 90s, 5m, 1h30m or 2d")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def spoken(span_s: float) -> str:
    """Return a span as people say it, its two largest units: `90` -> `1 m 30 s`, `0.5` -> `0.5 s`."""
    if span_s < 60:
        return f"{span_s:g} s"
    parts, rest = [], round(span_s)
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, length)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def bad_span(
    field: str, text: str, least_s: float, most_s: float, example: str = "30s"
) -> Iterator[tuple[str, str, str]]:
    """Yield (field, what was found and what is allowed, fix) if `text` is no span from `least_s` to `most_s`."""
    fix = f'write e.g. {field} = "{example}"'
    try:
        span = seconds(text)
    except ValueError as exc:
        yield field, str(exc), fix
        return
    if not least_s <= span <= most_s:
        yield field, f"found {text}, allowed: {spoken(least_s)} to {spoken(most_s)}", fix
