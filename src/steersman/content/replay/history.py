"""Fixes of prose out of any git history: one line each, code and front matter and addresses left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Final

import msgspec

from steersman.content.model.fix import Document, Edit, Fix, Round
from steersman.content.model.mask import FILLER, Masked, mask
from steersman.content.replay.classes import words
from steersman.content.replay.corpus import Corpus
from steersman.content.replay.git import Change, Repository

_TOKEN: Final = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[^\s\w]|_")
_FRONT: Final = re.compile(r"\ufeff?(---|\+\+\+)[ \t]*\r?\n.*?^\1[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_MOST_EDITS: Final = 3
_MOST_CHANGED_RATIO: Final = 0.5
_MOST_WORDS: Final = 5
_MOST_BYTES: Final = 512 * 1024
_MOST_LINES: Final = 10_000
_FEWEST_WORDS: Final = 5


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a history is replayed: the last `commits`, and about `words` of the text as it is now."""

    commits: int = 2000
    words: int = 20_000


def read_history(folder: Path, bounds: Bounds, tell: Callable[[int, int], None]) -> Corpus:
    """Walk the history of the Markdown files of a git repository; `tell(done, of)` is called after each commit.

    A fix is a line that stayed, with at most three places changed, at most five words each, and at least half of its
    words kept: what changes more was written anew. Changes of code, addresses and other covered text are none.

    Raises:
        Misconfigured: no git repository, or one without commits.
        Unavailable: objects are missing (a shallow clone).
    """
    repository = Repository(folder)
    try:
        commits = repository.commits(bounds.commits)
        rounds: list[Round] = []
        born: dict[str, int] = {}
        for number, commit in enumerate(commits, 1):
            fixes: list[Fix] = []
            texts: list[tuple[str, str]] = []
            for change in commit.changes:
                born.setdefault(change.path, len(born))
                after = _masked(repository, change.after)
                if after is None:
                    continue
                texts.append((change.path, after.prose))
                fixes += _fixes(repository, change, after)
            rounds.append(
                Round(commit=commit.id, at=commit.at, message=commit.message, fixes=tuple(fixes), texts=tuple(texts))
            )
            tell(number, len(commits))
        documents = list(_documents(repository, born))
    finally:
        repository.close()
    return Corpus(name=folder.resolve().name, rounds=tuple(rounds), documents=tuple(_thinned(documents, bounds.words)))


def _masked(repository: Repository, object_: str) -> Masked | None:
    text = repository.text(object_, _MOST_BYTES)
    if text is None:
        return None
    front = _FRONT.match(text)
    return mask(text, front.end() if front else 0)


def _fixes(repository: Repository, change: Change, after: Masked) -> Iterator[Fix]:
    before = _masked(repository, change.before) if change.before else None
    if before is None:
        return
    old, new = before.prose.split("\n"), after.prose.split("\n")
    if max(len(old), len(new)) > _MOST_LINES:
        return
    old_source, new_source = before.source.split("\n"), after.source.split("\n")
    for tag, low, high, new_low, new_high in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if tag != "replace" or high - low != new_high - new_low:
            continue
        for at, new_at in zip(range(low, high), range(new_low, new_high), strict=True):
            edits = edits_between(old[at], new[new_at])
            if edits:
                yield Fix(doc=change.path, before=old_source[at], after=new_source[new_at], edits=edits)


def edits_between(before: str, after: str) -> tuple[Edit, ...]:
    """Return the places where words of a line changed; none if it is the same line, or quite another one."""
    old, new = list(_TOKEN.finditer(before)), list(_TOKEN.finditer(after))
    matcher = SequenceMatcher(a=[m.group() for m in old], b=[m.group() for m in new], autojunk=False)
    changes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    changed = sum(max(high - low, new_high - new_low) for _, low, high, new_low, new_high in changes)
    if not 0 < len(changes) <= _MOST_EDITS or changed > _MOST_CHANGED_RATIO * max(len(old), len(new)):
        return ()
    if before.lstrip().startswith("|") or any(max(c[2] - c[1], c[4] - c[3]) > _MOST_WORDS for c in changes):
        return ()
    edits = tuple(
        _edit(before, after, old[low:high], new[new_low:new_high], old[low].start() if low < len(old) else len(before))
        for _, low, high, new_low, new_high in changes
    )
    return () if any(FILLER in edit.old + edit.new for edit in edits) else edits


def _edit(before: str, after: str, old: list[re.Match[str]], new: list[re.Match[str]], at: int) -> Edit:
    start, end = (old[0].start(), old[-1].end()) if old else (at, at)
    written = after[new[0].start() : new[-1].end()] if new else ""
    return Edit(start=start, end=end, old=before[start:end], new=written)


def _documents(repository: Repository, born: dict[str, int]) -> Iterator[Document]:
    """Return the files as they are now, in the order in which they were first written."""
    for path, object_ in sorted(repository.files(), key=lambda file: (born.get(file[0], -1), file[0])):
        masked = _masked(repository, object_)
        if masked is None:
            continue
        spans = {token.map[0]: token.map[1] for token in masked.tokens if token.type == "inline" and token.map}
        blocks = [masked.lines.span(first, last) for first, last in sorted(spans.items())]
        kept = [masked.source[a:b].strip() for a, b in blocks if len(words(masked.prose[a:b])) >= _FEWEST_WORDS]
        if kept:
            yield Document(name=path, paragraphs=tuple(kept))


def _thinned(documents: list[Document], most_words: int) -> Iterator[Document]:
    """Return every n-th paragraph, so that about `most_words` are left, spread over all documents."""
    whole = sum(len(words(text)) for document in documents for text in document.paragraphs)
    step, number = -(-whole // most_words) if whole else 1, 0
    for document in documents:
        kept = []
        for text in document.paragraphs:
            if number % step == 0:
                kept.append(text)
            number += 1
        if kept:
            yield Document(name=document.name, paragraphs=tuple(kept))
