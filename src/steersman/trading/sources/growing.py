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
        raw, at_end = _piece(opened)
    complete, newline, rest = raw.rpartition(b"\n")
    complete += newline
    hashed.update(complete)
    reader = LineReader(file, form, columns=before.columns)
    contents = complete.split(b"\n")[:-1]
    rows, header = _rows(reader, contents, before)
    after = FileProgress(
        offset=before.offset + len(complete),
        lines=before.lines + len(contents),
        prefix=hashed.hexdigest(),
        columns=reader.columns,
        taken=before.taken,
        rewritten=before.rewritten,
        stopped=header is not None,
    )
    if header is not None:
        return Piece(after=after, told=(*told, header))
    waits = _unfinished(file, after.lines + 1, rest) if rest and at_end else None
    return Piece(after=after, rows=rows, at_end=at_end, told=told, waits=waits)


def _piece(opened: BinaryIO) -> tuple[bytes, bool]:
    """Return the next bytes, at least one line of them if there is one, and whether they end the file."""
    raw = opened.read(PIECE_BYTES)
    if len(raw) < PIECE_BYTES:
        return raw, True
    if b"\n" not in raw:
        raw += opened.read(MAX_FILE_BYTES)  # one endless line: it is refused as one
    return raw, not opened.read(1)


def _rows(
    reader: LineReader, contents: list[bytes], before: FileProgress
) -> tuple[list[Row | NotASignal], NotASignal | None]:
    """Return the rows of new lines, or the refusal of a header below which nothing can be read."""
    doubt = _DOUBT if before.rewritten else ""
    try:
        rows = [reader.row(line, raw, doubt=doubt) for line, raw in enumerate(contents, start=before.lines + 1)]
    except NotASignal as exc:
        return [], exc
    return [row for row in rows if row is not None], None


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
    # A header that could not be read and was mended is what was asked for.
    told = () if before.stopped else (_rewritten(file, before, hashed.hexdigest()),)
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
    told = (_rewritten(file, before, prefix),) if before.taken else ()
    after = FileProgress(offset=len(raw), prefix=prefix, taken=before.taken, rewritten=before.rewritten or before.taken)
    try:
        rows = parquet_rows(raw, file=file, doubt=_DOUBT if after.rewritten else "")
    except NotASignal as exc:
        return Piece(after=after, told=told, waits=exc)
    return Piece(after=after, rows=rows, told=told)


def _rewritten(file: str, before: FileProgress, now: str) -> NotASignal:
    what = "was rewritten: it does not begin with what was read of it. It is read again from the start"
    if before.taken:
        what += "; rows with a signal_id that came before are repeats, rows without one are refused from now on"
    return unreadable(what, fix=_APPEND, place=file, key=(file, "rewritten", before.prefix, now))


def _unfinished(file: str, line: int, rest: bytes) -> NotASignal:
    return unreadable(
        "this line has no end yet; it is read once it has one",
        fix="end every line with a line break, the last one too",
        place=f"{file}:{line}",
        key=(file, str(line), digest(rest)),
    )
