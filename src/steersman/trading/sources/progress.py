"""How far watched files were read: one small file per section, replaced as a whole after what it says is durable."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from steersman.kernel.errors import Corrupt


class FileProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far one file was read.

    Attributes:
        offset, lines: bytes and lines taken from the start; a Parquet file is taken whole.
        prefix: sha256 of those bytes: as long as the file begins with them, it only grew.
        columns: of a CSV, once its header was read.
        taken: signals came from it; what is rewritten before that has done no harm.
        rewritten: it was rewritten after that, so a row without an id of its own may be an old one.
        stopped: its header cannot be read: nothing below it can, until the file is written anew.
        size, mtime_ns: what the file looked like when it was last read to its end; else -1.
    """

    offset: int = 0
    lines: int = 0
    prefix: str = ""
    columns: tuple[str, ...] = ()
    taken: bool = False
    rewritten: bool = False
    stopped: bool = False
    size: int = -1
    mtime_ns: int = -1


class Progress:
    """The progress of all files of one section, in a file of its own."""

    def __init__(self, path: Path) -> None:
        """Read `path`, if it is there.

        Raises:
            Corrupt: it is not what was written; names it and the fix.
        """
        self._path = path
        try:
            self._files = msgspec.json.decode(path.read_bytes(), type=dict[str, FileProgress])
        except FileNotFoundError:
            self._files = {}
        except msgspec.DecodeError as exc:
            raise Corrupt(
                f"{path} does not say how far the watched files were read: {exc}",
                fix="delete it: the files are read again from the start, and what the ledger has is not taken twice",
            ) from exc

    def of(self, file: str) -> FileProgress:
        """Return how far `file` was read."""
        return self._files.get(file, FileProgress())

    def keep(self, file: str, progress: FileProgress) -> None:
        """Make the progress of `file` durable. A crash before that reads the same rows again: they are repeats."""
        self._files[file] = progress
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as out:
            out.write(msgspec.json.encode(self._files))
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self._path)
