"""Fixes and published text from JSON Lines."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import msgspec

from steersman.content.model.fix import Document, Edit, Fix, Round
from steersman.kernel.errors import Misconfigured

_SUFFIX: Final = "_edits.jsonl"
_MAX_BYTES: Final = 64 * 1024 * 1024


class Corpus(msgspec.Struct, frozen=True, kw_only=True):
    """What is replayed: rounds in the order of time, documents in the order in which they were published."""

    name: str
    rounds: tuple[Round, ...]
    documents: tuple[Document, ...]


class _EditRow(msgspec.Struct):
    start: int
    end: int
    old: str
    new: str


class _FixRow(msgspec.Struct):
    committed_at: dt.datetime
    commit: str
    before: str
    after: str
    edits: list[_EditRow]
    message: str = ""
    file: str = ""


class _CleanRow(msgspec.Struct):
    file: str
    text: str


def read_corpus(path: Path) -> Corpus:
    """Read `NAME_edits.jsonl`, and `NAME_clean.jsonl` where it lies beside it.

    Raises:
        Misconfigured: names the line that is not what it should be, and what it should be.
    """
    rows = list(_rows(path, _FixRow))
    for number, row in enumerate(rows, 1):
        _check(path, number, row)
    rows.sort(key=lambda row: row.committed_at.timestamp())
    lines = _Lines()
    rounds = [_round(list(group), lines) for _, group in groupby(rows, key=lambda row: row.commit)]
    clean = path.with_name(path.name.removesuffix(_SUFFIX) + "_clean.jsonl")
    by_file: dict[str, list[str]] = {}
    if path.name.endswith(_SUFFIX) and clean.is_file():
        for clean_row in _rows(clean, _CleanRow):
            by_file.setdefault(clean_row.file, []).append(clean_row.text)
    return Corpus(
        name=path.name.removesuffix(_SUFFIX).removesuffix(".jsonl"),
        rounds=tuple(rounds),
        documents=tuple(Document(name=name, paragraphs=tuple(texts)) for name, texts in by_file.items()),
    )


def _rows(path: Path, type_: Any) -> Iterator[Any]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise Misconfigured(f"{path} is larger than {_MAX_BYTES >> 20} MB", fix="split it")
        lines = path.read_bytes().splitlines()
    except OSError as exc:
        raise Misconfigured(f"{path} cannot be read: {exc.strerror}", fix="name a file or a git repository") from exc
    decoder = msgspec.json.Decoder(type_)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield decoder.decode(line)
        except msgspec.MsgspecError as exc:
            fields = ", ".join(type_.__struct_fields__)
            raise Misconfigured(f"{path}:{number}: {exc}", fix=f"each line is a JSON object with {fields}") from exc


def _check(path: Path, number: int, row: _FixRow) -> None:
    if row.committed_at.tzinfo is None:
        raise Misconfigured(f"{path}:{number}: committed_at has no zone", fix="write e.g. 2026-11-30T09:00:00Z")
    wrong = next((e for e in row.edits if not 0 <= e.start <= e.end <= len(row.before)), None)
    if wrong is not None:
        raise Misconfigured(
            f"{path}:{number}: the edit {wrong.start} to {wrong.end} is outside `before` ({len(row.before)} long)",
            fix="offsets are code points of `before`",
        )


class _Lines:
    """Which line is which: one that is fixed again later is the same text, published once, not twice."""

    def __init__(self) -> None:
        self._doc_of: dict[str, str] = {}
        self._texts: dict[str, dict[str, str]] = {}

    def fixed(self, row: _FixRow) -> str:
        """Take note of a fix; return the document its line is of: its file, or the commit that first had it."""
        doc = row.file or self._doc_of.pop(row.before, row.commit)
        self._doc_of[row.after] = doc
        lines = self._texts.setdefault(doc, {})
        lines.pop(row.before, None)
        lines[row.after] = row.after
        return doc

    def text(self, doc: str) -> str:
        return "\n\n".join(self._texts[doc].values())


def _round(rows: list[_FixRow], lines: _Lines) -> Round:
    first = rows[0]
    docs = [lines.fixed(row) for row in rows]
    fixes = tuple(
        Fix(
            doc=doc,
            before=row.before,
            after=row.after,
            edits=tuple(Edit(start=e.start, end=e.end, old=e.old, new=e.new) for e in row.edits),
        )
        for doc, row in zip(docs, rows, strict=True)
        if row.edits
    )
    return Round(
        commit=first.commit,
        at=int(first.committed_at.timestamp()) * 1_000_000_000,
        message=first.message,
        fixes=fixes,
        texts=tuple((doc, lines.text(doc)) for doc in dict.fromkeys(docs)),
    )
