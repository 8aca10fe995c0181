"""`{param}` in addresses, headers, bodies and commands: found, filled and quoted for where they stand. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final
from urllib.parse import quote, urlsplit

from steersman.services.pulls.model import Param, ParamType

_PLACE: Final = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
_LONGEST: Final = 1000
_INT: Final = re.compile(r"[+-]?[0-9]{1,30}")


def names(text: str) -> list[str]:
    """Return the placeholders of `text`, in order."""
    return _PLACE.findall(text)


def canonical(value: object, kind: ParamType) -> str:
    """Return the one spelling of `value`, so that `5`, `05` and `+5` are the same question.

    Raises:
        ValueError: it is not of that type, too long, or has control characters.
    """
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    if len(text) > _LONGEST or any(ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise ValueError(f"is longer than {_LONGEST} characters, or has control characters or ones that no UTF-8 has")
    return _OF[kind](text)


def _int(text: str) -> str:
    if not _INT.fullmatch(text):
        raise ValueError(f"found {text!r}, allowed: a whole number")
    return str(int(text))


def _float(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"found {text!r}, allowed: a finite number")
    return repr(number + 0.0)  # -0.0 and 0.0 are one number


def _bool(text: str) -> str:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"found {text!r}, allowed: true or false")
    return text.lower()


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError(f"found {text!r}, allowed: a date such as 2026-11-30") from None


_OF: Final[dict[ParamType, Callable[[str], str]]] = {
    "text": str,
    "int": _int,
    "float": _float,
    "bool": _bool,
    "date": _date,
}


def fill_url(template: str, values: Mapping[str, str], extra: Mapping[str, str]) -> str:
    """Return the address with every value quoted; `extra` goes into the query, sorted by name.

    Raises:
        ValueError: a value would leave its place in the path (`.`, `..` or nothing between slashes).
    """
    head, question, query = template.partition("?")
    for name in names(head):
        if values[name] in (".", "..", ""):
            raise ValueError(f"{name}: found {values[name]!r}, which would change the path")
    # In one pass over each part: a value that looks like a placeholder is never filled itself.
    path = _PLACE.sub(lambda m: quote(values[m[1]], safe=""), head)
    asked = [_PLACE.sub(lambda m: quote(values[m[1]], safe=""), query)] if question and query else []
    asked += [f"{quote(name, safe='')}={quote(extra[name], safe='')}" for name in sorted(extra)]
    return f"{path}?{'&'.join(asked)}" if asked else path


def fill_body(template: str, values: Mapping[str, str]) -> str:
    """Return the body with values escaped as within a JSON string."""
    return _PLACE.sub(lambda m: json.dumps(values[m[1]])[1:-1], template)


def fill_word(template: str, values: Mapping[str, str]) -> str:
    """Return a header or one word of a command with the values as they are."""
    return _PLACE.sub(lambda m: values[m[1]], template)


def shown(url: str) -> str:
    """Return `scheme://host/path`: what may be told of an address. Queries and logins in it may be secrets."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"


def resolve_params(declared: Mapping[str, Param], given: Mapping[str, str]) -> dict[str, str]:
    """Return every parameter's canonical value.

    Raises:
        ValueError: one that is not declared, is missing, or is not of its type; names it.
    """
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise ValueError(f"no parameter {unknown[0]!r}; declared: {', '.join(declared) or 'none'}")
    values: dict[str, str] = {}
    for name, param in declared.items():
        if name in given:
            try:
                values[name] = canonical(given[name], param.type)
            except ValueError as exc:
                raise ValueError(f"{name}: {exc}") from None
        elif param.default is not None:
            values[name] = param.default
        else:
            raise ValueError(f"{name} must be given ({param.type})")
    return values
