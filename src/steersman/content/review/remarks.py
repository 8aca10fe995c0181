"""Remarks as values: what one may say, which id it gets, whether its place changed, what the first pass had there."""

from __future__ import annotations

import hashlib
from typing import Final

from steersman.content.events.qa import DraftChecked
from steersman.content.model.draft import Draft
from steersman.content.review.changes import Changes
from steersman.content.review.kept import Kept
from steersman.content.review.piece import Open, Piece
from steersman.kernel.errors import Misconfigured, Rejected

CATEGORIES: Final = ("spelling", "grammar", "punctuation", "wording", "fact", "structure", "style", "other")
MAX_WORDS: Final = 4000


def checked_words(text: str, category: str) -> str:
    """Return the words of a remark without the space around them.

    Raises:
        Misconfigured: there is no such category.
        Rejected: there are no words, or too many.
    """
    words = text.strip()
    if category not in CATEGORIES:
        raise Misconfigured(f"category: found {category!r}", fix=f"allowed: {', '.join(CATEGORIES)}")
    if not words:
        raise Rejected("the remark has no words", fix="say what is wrong there")
    if len(words) > MAX_WORDS:
        raise Rejected(f"the remark has {len(words)} characters, allowed: {MAX_WORDS}", fix="say it shorter")
    return words


def remark_id(draft: str, sha256: str, place: tuple[int, int], category: str, words: str) -> str:
    """Return 16 hex digits: the same remark on the same version has the same id, however often it is sent."""
    digest = hashlib.sha256()
    for part in (draft, sha256, *map(str, place), category, words):
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8))
        digest.update(raw)
    return digest.hexdigest()[:16]


def placed(kept: Kept, piece: Piece, draft: Draft) -> dict[str, tuple[int, int] | None]:
    """Return where each open remark of `piece` stands in `draft`, by id; None: what it points at changed.

    One whose version is not kept any more is left out: without that text nobody can tell.
    """
    compared = dict[str, Changes | None]()
    found = dict[str, tuple[int, int] | None]()
    for remark in piece.remarks:
        if remark.sha256 == draft.sha256:
            found[remark.id] = (remark.start, remark.end)
            continue
        if remark.sha256 not in compared:
            text = kept.version(draft.name, remark.sha256)
            compared[remark.sha256] = None if text is None else Changes(text, draft.masked.source)
        changes = compared[remark.sha256]
        if changes is not None:
            found[remark.id] = _place(remark, changes)
    return found


def _place(remark: Open, changes: Changes) -> tuple[int, int] | None:
    if remark.is_note:
        return (0, 0) if changes.is_empty else None
    return changes.moved(remark.start, remark.end)


def caught(passed: DraftChecked | None, start: int, end: int) -> str:
    """Return the open finding of the first pass that shares most with a place; empty if none does."""
    best, size = "", 0
    for seen in passed.seen if passed is not None else ():
        overlap = min(end, seen.end) - max(start, seen.start)
        if seen.status == "open" and overlap > size:
            best, size = seen.fingerprint, overlap
    return best
