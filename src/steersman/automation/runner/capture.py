"""A log that cannot fill the disk: the beginning as it comes, the end when it is over, and a count of the rest."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from steersman.automation.model.result import LOOK_BACK_BYTES


class Capture:
    """Writes what a process prints, bytes as they are, into `path`, `limit_bytes` at most (plus one marker line).

    A disk that refuses the file or a write stops the log, never the run: `problem` says so and the rest is counted.
    What lies at `path` is replaced, never written through: a link that an earlier attempt put there leads nowhere.
    """

    def __init__(self, path: Path, limit_bytes: int) -> None:
        self._tail_limit = min(LOOK_BACK_BYTES, limit_bytes // 2)
        self._head_limit = limit_bytes - self._tail_limit
        self._last = bytearray()
        self._limit = limit_bytes
        self._kept = 0
        self.total_bytes = 0
        self.problem = ""
        self._file = self._opened(path)

    def __enter__(self) -> Capture:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def dropped_bytes(self) -> int:
        """Bytes that were printed and are not in the file."""
        return self.total_bytes - self._kept

    @property
    def kept_bytes(self) -> int:
        """Bytes of output in the file."""
        return self._kept

    def write(self, chunk: bytes) -> None:
        """Take in the next bytes of output."""
        if self._kept == self.total_bytes and self._kept < self._head_limit:
            self._put(chunk[: self._head_limit - self._kept])
        self.total_bytes += len(chunk)
        self._last += chunk
        if len(self._last) > 2 * LOOK_BACK_BYTES:
            del self._last[:-LOOK_BACK_BYTES]

    def tail(self) -> bytes:
        """Return the end of the output, at most `LOOK_BACK_BYTES`."""
        return bytes(self._last[-LOOK_BACK_BYTES:])

    def close(self, note: str = "") -> None:
        """Write the end of the output, after a marker if something between was dropped; then `note`, on its own line.

        A second call does nothing.
        """
        if self._file.closed:
            return
        self._put_end()
        if note:
            self._mark(note)
        self._file.close()

    def _opened(self, path: Path) -> BinaryIO:
        try:
            path.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            return open(os.open(path, flags, 0o644), "wb", buffering=0)  # noqa: PTH123 - a descriptor, kept
        except OSError as exc:
            self.problem = f"the log could not be written: {exc.strerror}"
            return open(os.devnull, "wb", buffering=0)  # noqa: PTH123 - not a path of ours, and kept

    def _put_end(self) -> None:
        rest = min(self.dropped_bytes, self._tail_limit)
        if rest and not self.problem:
            lost = self.dropped_bytes - rest
            if lost:
                self._mark(f"{lost:,} bytes of output not kept (limit {self._limit:,})")
            self._put(bytes(self._last[-rest:]))

    def _mark(self, text: str) -> None:
        """Write a line of ours, which is not output."""
        before = self._kept
        self._put(f"\n--- steersman: {text} ---\n".encode())
        self._kept = before

    def _put(self, data: bytes) -> None:
        if self.problem:
            return
        try:
            self._kept += self._file.write(data)
        except OSError as exc:
            self.problem = f"the log could not be written: {exc.strerror}"
