"""How Python and libraries put texts together: `%`, `format`, `join`, `urljoin`; parts that vary stay apart."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from urllib.parse import urljoin

from steersman.automation.audit.endpoints import UNKNOWN, Text, joined, literal

_PERCENT = re.compile(r"%(?:\((\w+)\))?[-+ 0#]*\d*(?:\.\d+)?([sdrif%])")
_STRIPS = {"lstrip": str.lstrip, "rstrip": str.rstrip, "strip": str.strip}
STRIPS = tuple(_STRIPS)


def formatted(pattern: str, positional: Sequence[Text], named: Callable[[str], Text]) -> Text:
    """Return what `pattern.format(...)` makes; unknown for a broken pattern."""
    try:
        pieces = list(string.Formatter().parse(pattern))
    except ValueError:
        return UNKNOWN
    parts: list[Text] = []
    count = 0
    for fixed, name, _, _ in pieces:
        parts.append((fixed,))
        if name == "" or (name or "").isdigit():
            place = int(name) if name else count
            parts.append(positional[place] if place < len(positional) else UNKNOWN)
            count += 1
        elif name is not None:
            parts.append(named(name))
    return joined(*parts)


def percent(pattern: str, positional: Sequence[Text], named: Callable[[str], Text]) -> Text:
    """Return what `pattern % ...` makes; unknown when it takes other values than are given."""
    parts: list[Text] = []
    left, at = list(positional), 0
    for found in _PERCENT.finditer(pattern):
        parts.append((pattern[at : found.start()],))
        at = found.end()
        if found[2] == "%":
            parts.append(("%",))
        elif found[1]:
            parts.append(named(found[1]))
        elif left:
            parts.append(left.pop(0))
        else:
            return UNKNOWN
    return joined(*parts, (pattern[at:],)) if not left or "%(" in pattern else UNKNOWN


def strung(between: Text, parts: Sequence[Text]) -> Text:
    """Return the parts with `between` in between: `"/".join(parts)`."""
    return joined(*[text for part in parts for text in (between, part)][1:])


def stripped(text: Text, how: str, chars: str | None) -> Text:
    """Return the text with white space, or `chars`, taken off its fixed ends (`strip`, `lstrip`, `rstrip`)."""
    parts = list(text)
    if parts and how != "rstrip" and isinstance(parts[0], str):
        parts[0] = parts[0].lstrip(chars)
    if parts and how != "lstrip" and isinstance(parts[-1], str):
        parts[-1] = parts[-1].rstrip(chars)
    return joined(tuple(parts))


def url_joined(base: Text, path: Text) -> Text:
    """Return what `urljoin(base, path)` makes: a path from the root takes the place of that of `base`."""
    fixed = literal(base)
    if fixed is None or not path:
        return joined(base, ("/",), path)
    first = path[0]
    if isinstance(first, str):
        return joined((urljoin(fixed, first),), path[1:])
    return joined((fixed if fixed.endswith("/") else fixed.rpartition("/")[0] + "/",), path)
