"""A SQLite file system that passes everything on and writes down what changes the disk.

Locks and the shared memory of the write-ahead log are those of the real one beneath; neither outlives a power cut.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Final

import apsw

from steersman.ledger.adapters.sqlite.powerloss.disk import Delete, Op, Sync, Truncate, Write

_numbers = itertools.count(1)
# As SQLite's own unix file system does: the first sync of a log or journal it made is followed by one of the folder.
_SYNCS_FOLDER: Final = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL


class RecordingVfs(apsw.VFS):
    """Registers itself under `name` for as long as it is referenced.

    Attributes:
        name: what to give `create(vfs=...)`.
        ops: everything that changed the disk, in order.
    """

    def __init__(self) -> None:
        self.name = f"steersman-powerloss-{next(_numbers)}"
        self.ops: list[Op] = []
        super().__init__(self.name, base="")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        return _File(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - SQLite's name
        super().xDelete(filename, syncdir)
        self.ops.append(Delete(Path(filename).name, bool(syncdir)))


class _File(apsw.VFSFile):
    def __init__(self, vfs: RecordingVfs, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._vfs = vfs
        text = name.filename() if isinstance(name, apsw.URIFilename) else name
        # A file without a name is SQLite's scratch space.
        self._file = Path(text).name if text else ""
        self._folder = bool(flags[0] & apsw.SQLITE_OPEN_CREATE and flags[0] & _SYNCS_FOLDER)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        if self._file:
            self._vfs.ops.append(Write(self._file, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's name
        super().xTruncate(newsize)
        if self._file:
            self._vfs.ops.append(Truncate(self._file, newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        # Not passed on: durability here is what the recording says, and a real sync would cost most of the time.
        if self._file:
            self._vfs.ops.append(Sync(self._file, self._folder))
            self._folder = False
