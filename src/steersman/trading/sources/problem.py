"""Why a piece of input is no signal: the place, the field, what was found, what is allowed, and the fix."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from steersman.kernel.errors import Rejected

FOUND_CHARS: Final = 500
"""What an event keeps of refused input."""
_SHOWN_CHARS: Final = 60
# Possessive throughout: input from outside must not make this slow.
_SECRET: Final = re.compile(
    r"""(?<![\w-])((?=[\w-]*?(?:secret|passw|passphrase|token|api_?key|auth))[\w-]++["']?\s*+[:=]\s*+)"""
    r"""("[^"]*+"?|'[^']*+'?|[^\s,;}]++)""",
    re.IGNORECASE,
)


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. `field` is empty where the whole input is meant."""

    field: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.field}: {self.what}" if self.field else self.what


class NotASignal(Rejected):
    """Input that could not become a signal.

    Attributes:
        place: `file:line` or `item N`; empty for a single signal.
        problems: everything that is wrong with it, at least one.
        found: the input as it came, cut, without what looks like a secret.
        strategy, signal_id: as the input names them; empty if it does not.
        key: what makes this refusal the same one when the input is read again; empty: every time is a new one.
    """

    def __init__(
        self,
        problems: Sequence[Problem],
        *,
        place: str = "",
        found: str = "",
        strategy: str = "",
        signal_id: str = "",
        key: tuple[str, ...] = (),
    ) -> None:
        reason = readable("; ".join(map(str, problems)))
        super().__init__(
            f"{place}: {reason}" if place else reason, fix="; ".join(dict.fromkeys(p.fix for p in problems))
        )
        self.problems = tuple(problems)
        self.place = place
        self.found = without_secrets(found)
        self.strategy = strategy
        self.signal_id = signal_id
        self.key = key


def unreadable(what: str, *, fix: str, place: str = "", found: str = "", key: tuple[str, ...] = ()) -> NotASignal:
    """Return the refusal of input as a whole."""
    return NotASignal([Problem(field="", what=what, fix=fix)], place=place, found=found, key=key)


def without_secrets(text: str) -> str:
    """Return `text` as an event may carry it: values of fields that sound like a secret are masked, then it is cut."""
    return readable(_SECRET.sub(r"\1***", text[: FOUND_CHARS * 4]))


def readable(text: str) -> str:
    """Return text that an event can carry: no lone surrogates, no control characters, cut to 500 characters."""
    cut = text[:FOUND_CHARS].encode("utf-8", "replace").decode()
    return cut if cut.isprintable() else "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in cut)


def shown(value: object) -> str:
    """Return a value as an error shows it: quoted, cut."""
    if isinstance(value, dict | list):  # may be as deep as the parser can go
        return "{...}" if isinstance(value, dict) else "[...]"
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."


def nearest(name: str, names: Iterable[str], otherwise: str) -> str:
    """Return the advice to use the declared name that is nearest to `name`, or `otherwise`."""
    near = difflib.get_close_matches(name[:120], list(names), n=1)
    return f"did you mean {near[0]!r}?" if near else otherwise
