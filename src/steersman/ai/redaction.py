"""Keys and account numbers, found by their form or because they are known, and kept out of what is sent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec

MARK: Final = "[redacted]"
_SHORTEST_KNOWN: Final = 4
_DIGITS: Final = re.compile(r"\d")

# What issuers say their secrets look like, and the general forms of keys and account numbers. Every look ahead has an
# end: a long word must not cost its square.
_FORMS: Final = tuple(
    (name, re.compile(pattern, flags))
    for name, pattern, flags in (
        (
            "private key",
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.{0,20000}?(?:-----END [A-Z ]{0,40}-----|\Z)",
            re.DOTALL,
        ),
        ("web token", r"\beyJ[\w-]{8,400}\.[\w-]{8,4000}\.[\w-]*", 0),
        ("API key", r"\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}", 0),
        ("API key", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", 0),
        ("API key", r"\bAIza[\w-]{35}", 0),
        ("access token", r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{20,})", 0),
        ("access token", r"\bxox[abeprs]-[\w-]{10,}", 0),
        ("access token", r"\bBearer\s+[\w.~+/-]{12,}=*", re.IGNORECASE),
        (
            "password",
            r"\b(?:api[_-]?key|secret|token|passw(?:or)?d|pwd)\b[\"']?\s*[:=]\s*[\"']?(?=\S{8})(?=\S{0,200}\d)[^\s\"'`<>]{8,}",
            re.IGNORECASE,
        ),
        ("login in an address", r"(?<=://)[^\s/@:]{1,200}:[^\s/@]{1,200}(?=@)", 0),
        ("IBAN", r"\b[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{4}){2,7}(?:[ ]?[A-Z0-9]{1,4})?\b", 0),
        ("account", r"\b(?:DU|U|F)\d{6,9}\b", 0),
        ("account", r"\bacct_[A-Za-z0-9]{8,}", 0),
        ("account", r"(?<=account )#?\d[\d -]{5,20}\d\b|(?<=account number )\d[\d -]{5,20}\d\b", re.IGNORECASE),
        ("card", r"\b\d(?:[ -]?\d){12,18}\b", 0),
        ("key in hexadecimal", r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{32,}\b", re.IGNORECASE),
        ("key", r"\b(?=[\w+]{0,200}?\d)(?=[\w+]{0,200}?[a-z])(?=[\w+]{0,200}?[A-Z])[A-Za-z0-9+_]{40,}={0,2}", 0),
    )
)


class Secret(msgspec.Struct, frozen=True):
    """Code points `start` up to but without `end` that must not be sent, and what they look like."""

    start: int
    end: int
    what: str


class Redacted(msgspec.Struct, frozen=True, kw_only=True):
    """A text that may be sent, and how many places of it were taken out."""

    text: str
    count: int


class Redactor:
    """Finds secrets by their form, and those that are known by their value."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        """Keep `known` values (shorter than four characters: ignored, they would be in every text)."""
        words = sorted({word for word in known if len(word) >= _SHORTEST_KNOWN}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, words)), re.IGNORECASE) if words else None

    def secrets(self, text: str) -> list[Secret]:
        """Return what must not be sent, in text order, without overlaps."""
        found = [
            Secret(match.start(), match.end(), what)
            for what, form in _FORMS
            for match in form.finditer(text)
            if what != "card" or _is_card(match.group())
        ]
        if self._known is not None:
            found += [Secret(m.start(), m.end(), "known secret") for m in self._known.finditer(text)]
        joined: list[Secret] = []
        for one in sorted(found, key=lambda secret: (secret.start, -secret.end)):
            if joined and one.start < joined[-1].end:
                last = joined[-1]
                joined[-1] = Secret(last.start, max(last.end, one.end), last.what)
            else:
                joined.append(one)
        return joined

    def redact(self, text: str) -> Redacted:
        """Return `text` with every secret replaced by `[redacted]`."""
        pieces, here = [], 0
        found = self.secrets(text)
        for secret in found:
            pieces += [text[here : secret.start], MARK]
            here = secret.end
        return Redacted(text="".join([*pieces, text[here:]]), count=len(found))


def _is_card(text: str) -> bool:
    """Say whether the digits satisfy the check of payment cards (ISO/IEC 7812-1, Luhn)."""
    digits = [int(digit) for digit in _DIGITS.findall(text)]
    doubled = [d if i % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0
