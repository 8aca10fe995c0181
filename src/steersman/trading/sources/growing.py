"""Reading a file that may grow: the rows that are new, whether it still begins as it did, and how far one got."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final, Literal

import msgspec

from steersman.trading.sources.decode import Row
from steersman.trading.sources.problem import NotASignal, unreadable
from steersman.trading.sources.progress import FileProgress
from steersman.trading.sources.rows import MAX_FILE_BYTES, LineReader, digest, parquet_rows

PIECE_BYTES: Final = 256 << 10
_DOUBT: Final = "the file was rewritten, so nobody knows whether this row is new"
_APPEND: Final = "add new signals at the end of a file, or in a new file"


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """What is new in a file.

    Attributes:
        rows: the new ones, in order.
        after: how far it is read once they are durable; `taken` as before.
        at_end: nothing is left to read, except what waits.
        told: what must be recorded about the file as a whole.
        waits: what cannot be read yet, and what to say should it stay so.
    """

    after: FileProgress
    rows: Iterable[Row | NotASignal] = ()
    at_end: bool = True
    told: tuple[NotASignal, ...] = ()
    waits: NotASignal | None = None


def grown(path: Path, file: str, form: Literal["jsonl", "csv"], before: FileProgress) -> Piece:
    """Return the next complete lines of a file, at most about `PIECE_BYTES` of them; a last line without end waits.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as opened:
        hashed, told, before = _begun(opened, file, before)
        if before.stopped:
            return Piece(after=before)
        raw = opened.read(PIECE_BYTES)
        if b"\n" not in raw and len(raw) == PIECE_BYTES:
            raw += opened.read(MAX_FILE_BYTES)  # one endless line: it is refused as one
        at_end = len(raw) < PIECE_BYTES or not opened.read(1)
    complete, newline, rest = raw.rpartition(b"\n")
    complete += newline
    waits = _unfinished(file, before, complete, rest) if rest and at_end else None
    hashed.update(complete)
    reader = LineReader(file, form, columns=before.columns)
    rows: list[Row | NotASignal] = []
    stopped = False
    contents = complete.split(b"\n")[:-1]
    try:
        for line, content in enumerate(contents, start=before.lines + 1):
            row = reader.row(line, content, doubt=_DOUBT if before.rewritten else "")
            if row is not None:
                rows.append(row)
    except NotASignal as exc:  # the header: nothing below it can be read
        told, stopped, waits, at_end = (*told, exc), True, None, True
    after = FileProgress(
        offset=before.offset + len(complete),
        lines=before.lines + len(contents),
        prefix=hashed.hexdigest(),
        columns=reader.columns,
        taken=before.taken,
        rewritten=before.rewritten,
        stopped=stopped,
    )
    return Piece(after=after, rows=rows, at_end=at_end, told=told, waits=waits)


def _begun(
    opened: BinaryIO, file: str, before: FileProgress
) -> tuple[hashlib._Hash, tuple[NotASignal, ...], FileProgress]:
    """Go to where reading stopped, if the file still begins as it did; else back to the start."""
    hashed = hashlib.sha256()
    left = before.offset
    while left and (piece := opened.read(min(left, PIECE_BYTES))):
        hashed.update(piece)
        left -= len(piece)
    if not before.offset or (not left and hashed.hexdigest() == before.prefix):
        return hashed, (), before
    opened.seek(0)
    fresh = FileProgress(rewritten=before.rewritten or before.taken, taken=before.taken)
    told = (_rewritten(file, before.prefix, hashed.hexdigest()),) if before.taken else ()
    return hashlib.sha256(), told, fresh


def whole(path: Path, file: str, before: FileProgress) -> Piece:
    """Return the rows of a Parquet file, all of them, unless it was read as it is before.

    Raises:
        OSError: it cannot be read.
    """
    raw = path.read_bytes()
    prefix = hashlib.sha256(raw).hexdigest()
    if prefix == before.prefix:
        return Piece(after=before)
    told = (_rewritten(file, before.prefix, prefix),) if before.taken else ()
    after = FileProgress(offset=len(raw), prefix=prefix, taken=before.taken, rewritten=before.rewritten or before.taken)
    try:
        rows = parquet_rows(raw, file=file, doubt=_DOUBT if after.rewritten else "")
    except NotASignal as exc:
        return Piece(after=after, told=told, waits=exc)
    return Piece(after=after, rows=rows, told=told)


def _rewritten(file: str, before: str, now: str) -> NotASignal:
    return unreadable(
        "was rewritten: it does not begin with what was read of it. It is read again from the start; rows with a "
        "signal_id that came before are repeats, and rows without one are refused from now on",
        fix=_APPEND,
        place=file,
        key=(file, "rewritten", before, now),
    )


def _unfinished(file: str, before: FileProgress, complete: bytes, rest: bytes) -> NotASignal:
    line = before.lines + complete.count(b"\n") + 1
    return unreadable(
        "this line has no end yet; it is read once it has one",
        fix="end every line with a line break, the last one too",
        place=f"{file}:{line}",
        key=(file, str(line), digest(rest)),
    )
