"""What a target remembers, on disk: one small file, replaced whole, so that it is the old one or the new one.

The position in the ledger and the messages it led to stand in the same file: nothing is between the two.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from steersman.ledger import NewEvent
from steersman.services.disk import usable
from steersman.services.notices.storm import State


class Kept(msgspec.Struct, kw_only=True):
    """The file. `unrecorded`: what the ledger could not take yet, to be told it when it can."""

    state: State
    unrecorded: list[NewEvent] = []


class StateFile:
    """One file per target."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Kept | None:
        """Return what was written last, None if nothing was; what is not ours to read is put aside."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Kept)
        except FileNotFoundError:
            return None
        except (msgspec.DecodeError, UnicodeDecodeError):
            with usable():
                self._path.replace(self._path.with_suffix(".broken"))
            return None

    def peek(self) -> Kept | None:
        """Return what was written last for somebody who only looks: nothing is moved, None if it cannot be read."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Kept)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def write(self, kept: Kept) -> None:
        """Put it on disk, durably.

        Raises:
            Unavailable: the disk takes nothing.
        """
        fresh = self._path.with_suffix(".new")
        with usable():
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                with os.fdopen(handle, "wb", closefd=False) as file:
                    file.write(msgspec.json.encode(kept))
                os.fsync(handle)
            finally:
                os.close(handle)
            fresh.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
