"""A disk that is full: the `write` SQLite itself calls fails with ENOSPC, as the operating system would have it.

Not in the recording file system: apsw reports an exception raised there even where SQLite means to go on (folding the
log in after a commit), so what was committed would look refused.
"""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

import apsw

_POSITIONED: Final = ctypes.CFUNCTYPE(
    ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64, use_errno=True
)
_PLAIN: Final = ctypes.CFUNCTYPE(ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, use_errno=True)


class FullDisk:
    """While entered, every write of SQLite in this process asks `has_room` first."""

    def __init__(self, has_room: Callable[[], bool]) -> None:
        self._has_room = has_room
        self._calls = apsw.VFS("steersman-full-disk", base="unix")
        self._real = {name: self._calls.xGetSystemCall(name) for name in ("pwrite64", "write")}
        positioned, plain = _POSITIONED(self._real["pwrite64"] or 0), _PLAIN(self._real["write"] or 0)
        # Kept here: SQLite calls them for as long as they are set.
        self._ours = {
            "pwrite64": _POSITIONED(lambda fd, data, size, at: self._guarded(positioned, fd, data, size, at)),
            "write": _PLAIN(lambda fd, data, size: self._guarded(plain, fd, data, size)),
        }

    def __enter__(self) -> Self:
        for name, function in self._ours.items():
            self._calls.xSetSystemCall(name, ctypes.cast(function, ctypes.c_void_p).value or 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, pointer in self._real.items():
            self._calls.xSetSystemCall(name, pointer or 0)

    def _guarded(self, write: Callable[..., int], *arguments: int) -> int:
        if not self._has_room():
            ctypes.set_errno(errno.ENOSPC)
            return -1
        return write(*arguments)
