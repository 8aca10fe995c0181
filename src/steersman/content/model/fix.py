"""What an author fixed in text of their own, and what they left as it was: the material of a replay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """Code points `start` to `end` of a line, and the words that took their place; an empty range is an insertion."""

    start: int
    end: int
    old: str
    new: str


class Fix(msgspec.Struct, frozen=True, kw_only=True):
    """A line of prose before and after."""

    doc: str
    before: str
    after: str
    edits: tuple[Edit, ...]


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One commit: the fixes it made, and the text by document that stood published after it.

    Attributes:
        at: ns since 1970 UTC.
    """

    commit: str
    at: int
    message: str
    fixes: tuple[Fix, ...]
    texts: tuple[tuple[str, str], ...] = ()


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """Published text that nobody fixed since, paragraph by paragraph."""

    name: str
    paragraphs: tuple[str, ...]


class Flag(msgspec.Struct, frozen=True, kw_only=True):
    """An objection to `text[start:end]`; `confidence` 0..1 is what flags are ranked by."""

    start: int
    end: int
    rule: str
    confidence: float = 0.5
    suggestions: tuple[str, ...] = ()


class Contestant(Protocol):
    """Something that reads prose and objects. It is shown everything in the order of time and may learn from it."""

    @property
    def name(self) -> str: ...

    def flags(self, doc: str, text: str) -> list[Flag]:
        """Return objections to one line or paragraph; learns nothing."""
        ...

    def fixed(self, round_: Round, flags: Sequence[Sequence[Flag]]) -> None:
        """Learn from a commit; `flags` is what it said of each fix, in order."""
        ...

    def begin_published(self) -> None:
        """Forget words, keep what is known of rules: the documents that follow may hold lines of the fixes."""
        ...

    def published(self, document: Document, flags: Sequence[Sequence[Flag]]) -> None:
        """Learn from a document that stands as it is; `flags` is what it said of each paragraph, in order."""
        ...


def overlaps(flag: Flag, edit: Edit) -> bool:
    """Say whether a flag meets an edit; an insertion is met at the place where the words were missing."""
    return flag.start < max(edit.end, edit.start + 1) and edit.start < flag.end
