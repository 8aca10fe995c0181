"""Disk space kept in reserve, so that a full disk can still take the halt and the alarm."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

BALLAST_BYTES: Final = 64 << 20


class Ballast:
    """A file of `size` bytes that is given up when the disk is full."""

    def __init__(self, path: Path, size: int) -> None:
        """Reserve `size` bytes at `path`, if there is room; 0 reserves nothing."""
        self.path = path
        self.size = size
        self.held = self.reserve()

    def reserve(self) -> bool:
        """Take the space again if there is room for it; return whether it is held."""
        if not self.size or (self.path.exists() and self.path.stat().st_size == self.size):
            self.held = True
            return True
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, self.size)
            finally:
                os.close(descriptor)
        except OSError:
            self.release()
            return False
        self.held = True
        return True

    def release(self) -> None:
        """Give the space back."""
        self.path.unlink(missing_ok=True)
        self.held = False
