"""Secrets that stand in crontabs and units: found by their name or form, and put out of the way before anything else
looks at the text. What was found is named, never quoted.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

import msgspec

_NAME: Final = re.compile(
    r"(?i)(pass(word|wd|phrase)?|secret|token|api_?key|access_?key|private_?key|credentials?|auth)(_?\d+)?$"
)
_PLACE: Final = re.compile(r"(?i)(_|^)(file|path|dir|url|id|name|env|cmd|command)$|^(ssh_auth_sock|pwd|oldpwd)$")
_FORMS: Final = (
    r"ghp_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}|sk-[\w-]{16,}|sk_live_\w{10,}"
    r"|AKIA[A-Z0-9]{16}|AIza[\w-]{30,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}|SG\.[\w-]{16,}\.[\w-]{16,}"
    r"|\d{8,10}:AA[\w-]{30,}"
)
_VALUE: Final = r"(?P<secret>\"[^\"$`]+\"|'[^']+'|[^\s\"'&;|<>)$`]+)"
_KEYS: Final = r"[\w-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|apikey|access[_-]?key|auth[_-]?key)"
_SPOTS: Final = (
    ("PASSWORD", re.compile(r"(?i)\b[a-z][a-z0-9+.-]*://[^\s/:@\"']*:(?P<secret>[^\s/@\"'$`]+)@")),
    ("", re.compile(rf"(?i)[?&](?P<key>{_KEYS}|key|sig|signature)=(?P<secret>[^\s\"'&;|<>$`#]+)")),
    ("", re.compile(rf"(?i)--?(?P<key>{_KEYS}|pass)[= ]\s*{_VALUE}")),
    ("TOKEN", re.compile(r"(?i)authorization:\s*(?:bearer|basic|token)\s+(?P<secret>[^\s\"'$`]+)")),
    ("", re.compile(r"(?i)[\"' ](?P<key>x-[\w-]*(?:key|token|secret)):\s*(?P<secret>[^\s\"'$`]+)")),
    ("PASSWORD", re.compile(r"(?<!\S)(?:-u|--user)[= ]?[\"']?[^\s:\"'/$]+:(?P<secret>[^\s\"'$`]+)")),
    ("", re.compile(rf"(?i)(?<![\w$-])(?P<key>{_KEYS})={_VALUE}")),
    ("SECRET", re.compile(rf"(?<![\w-])(?P<secret>{_FORMS})(?![\w-])")),
)


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """Where a secret stands, and the variable that shall carry it from now on; not what it is."""

    file: str
    line: int
    variable: str
    what: str


def is_secret(name: str, value: str) -> bool:
    """Say whether a variable looks like one: by its name (PASSWORD, X_TOKEN, API_KEY) or the form of its value."""
    if not value or value.startswith(("/", "$", "env:", "file:", "~")):
        return False
    if _NAME.search(name) and not _PLACE.search(name):
        return True
    return hide(value, prefix="X")[0] != value


def hide(text: str, *, prefix: str) -> tuple[str, list[tuple[str, str]]]:
    """Return shell text with each secret replaced by a variable, and (variable, kind of place) of each.

    Args:
        prefix: begins the names that the text itself does not give, e.g. `REPORT` -> `REPORT_PASSWORD`.
    """
    found: list[tuple[str, str]] = []
    variables: dict[str, str] = {}
    for kind, pattern in _SPOTS:
        start = 0
        while match := pattern.search(text, start):
            key = match.groupdict().get("key")
            a, b = match.span("secret")
            value = text[a:b].strip("\"'")
            if any(f"${{{name}}}" in value for name in variables.values()):
                start = b
                continue
            wanted = _variable(key or kind, prefix, generic=not key or key.lower() in ("key", "pass", "auth", "sig"))
            variable = variables.setdefault(value, _free(wanted, variables.values()))
            text, start = _put(text, a, b, variable)
            found.append((variable, _what(kind, key)))
    return text, found


def _free(name: str, taken: Collection[str]) -> str:
    """Return `name`, numbered if another secret of the same text already has it."""
    return name if name not in taken else f"{name}_{sum(t.startswith(name) for t in taken) + 1}"


def _variable(word: str, prefix: str, *, generic: bool) -> str:
    name = re.sub(r"[^A-Z0-9]+", "_", word.upper()).strip("_")
    return f"{prefix}_{name}" if generic or len(name) < 6 or "_" not in name else name


def _what(kind: str, key: str | None) -> str:
    if key:
        return f"a value for {key}"
    return {"PASSWORD": "a password beside a user name", "TOKEN": "a token in a header"}.get(kind, "a token")


def _put(text: str, a: int, b: int, variable: str) -> tuple[str, int]:
    """Write `variable` over `text[a:b]` so that the shell expands it, whichever quotes it stands in; return its end."""
    quote, opened = _quote_at(text, a)
    closing = text.find("'", b)
    if quote == "'" and closing > 0 and not re.search(r'[$`"\\!]', text[opened + 1 : a] + text[b:closing]):
        # Nothing in this word means anything else in double quotes: they read better than a patchwork.
        text = f'{text[:opened]}"{text[opened + 1 : closing]}"{text[closing + 1 :]}'
        quote = '"'
    put = {"": f'"${{{variable}}}"', '"': f"${{{variable}}}", "'": f"'\"${{{variable}}}\"'"}[quote]
    return text[:a] + put + text[b:], a + len(put)


def _quote_at(text: str, at: int) -> tuple[str, int]:
    """Return the quote that is open at `at` and where it was opened; empty when none is."""
    quote, opened, escaped = "", 0, False
    for place, c in enumerate(text[:at]):
        if escaped:
            escaped = False
        elif c == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote, opened = c, place
    return quote, opened
