"""Whether a post says again what an earlier one said: shared runs of five words."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from steersman.content.drafts import read_draft
from steersman.content.model.draft import Draft, DraftUnreadable
from steersman.content.model.finding import Found
from steersman.content.model.spans import WORD, paragraphs, words
from steersman.content.qa.packs.objection import found
from steersman.content.settings.qa import QaSettings

RUN: Final = 5
_FEWEST_RUNS: Final = 20


class Earlier(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier post: its title without regard to case, and its runs of five words, each as a hash."""

    name: str
    title: str
    runs: frozenset[int]


def runs(draft: Draft) -> frozenset[int]:
    """Return the runs of five words of a draft's paragraphs, hashed."""
    prose = draft.masked.prose
    result: set[int] = set()
    for start, end in paragraphs(draft):
        plain = [word.group().casefold() for word in WORD.finditer(prose, start, end)]
        result.update(_hash(" ".join(plain[i : i + RUN])) for i in range(len(plain) - RUN + 1))
    return frozenset(result)


def check_duplicates(draft: Draft, earlier: Iterable[Earlier], shared_ratio: float) -> Iterator[Found]:
    """Yield the earlier post that shares most with this one, if it shares too much or has the same title."""
    own = runs(draft)
    best: tuple[float, str] = (0.0, "")
    head = draft.masked.source[: draft.body_start]
    at = head.find("title")
    span = (at, at + 5) if at >= 0 else (0, min(1, len(head)))
    for post in earlier:
        if post.name == draft.name:
            continue
        if post.title == draft.title.casefold():
            yield found(span, "TitleTaken", "duplicate", f"{post.name} has this title")
        if len(own) >= _FEWEST_RUNS:
            best = max(best, (len(own & post.runs) / len(own), post.name))
    if shared_ratio and best[0] >= shared_ratio:
        place = next(((s, e) for s, e in paragraphs(draft) if words(draft.masked.prose, s, e) >= RUN), span)
        message = f"{best[0]:.0%} of it stands in {best[1]} already: link there, or say what is new"
        yield found((place[0], min(place[1], place[0] + 60)), "Duplicate", "duplicate", message)


class Posts:
    """The published drafts of a workspace as they are on disk now; each is read again only when its file changed."""

    def __init__(self, root: Path, settings: QaSettings, published: Callable[[], Iterable[str]]) -> None:
        """Set up; `published` names the drafts that are out."""
        self._root = root
        self._settings = settings
        self._published = published
        self._known: dict[str, tuple[tuple[int, int], Earlier | None]] = {}

    def __call__(self) -> Iterator[Earlier]:
        for name in self._published():
            post = self._read(name)
            if post is not None:
                yield post

    def _read(self, name: str) -> Earlier | None:
        try:
            state = (self._root / name).stat()
        except OSError:
            return None  # its file is gone; the post may still be out, but there is no text to compare
        version = (state.st_mtime_ns, state.st_size)
        known = self._known.get(name)
        if known is None or known[0] != version:
            known = self._known[name] = (version, self._parsed(name))
        return known[1]

    def _parsed(self, name: str) -> Earlier | None:
        try:
            draft = read_draft(self._root, name, self._settings)
        except DraftUnreadable:
            return None  # its own check says so
        return Earlier(name=name, title=draft.title.casefold(), runs=runs(draft))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())
