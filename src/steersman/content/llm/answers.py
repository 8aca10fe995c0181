"""The form in which a model must answer: whatever it says outside of these fields is not even read."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["function_word", "punctuation", "clarity", "claim", "other"]


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """One remark: words of the draft, what is wrong with them, and what could stand there."""

    kind: Kind
    quote: str
    context: str
    message: str
    replacement: str


class Remarks(msgspec.Struct, frozen=True, kw_only=True):
    """All remarks on one part of a draft."""

    remarks: tuple[Remark, ...]


class Variants(msgspec.Struct, frozen=True, kw_only=True):
    """Other titles and summaries."""

    titles: tuple[str, ...]
    summaries: tuple[str, ...]
