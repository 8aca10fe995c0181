"""The lock of the one writer, where the writer before was killed while it started a process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from steersman.kernel.errors import Conflict
from steersman.ledger.adapters.sqlite import lock
from steersman.ledger.adapters.sqlite.lock import WriterLock


def killed_writer(path: Path) -> tuple[int, int]:
    """Have a writer that is gone, and what it forked still there.

    Return what that lets go upon, once written to, and what is at its end when it has.
    """
    (told, tell), (gone, going) = os.pipe(), os.pipe()
    writer = os.fork()
    if writer == 0:
        held = WriterLock(path)
        if os.fork() == 0:
            os.close(tell)
            os.read(told, 1)
            held.release()
        os._exit(0)
    os.waitpid(writer, 0)
    os.close(told)
    os.close(going)
    return tell, gone


def test_what_a_killed_writer_was_starting_keeps_nobody_from_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell, gone = killed_writer(tmp_path / "l.lock")

    def let_go(_: float) -> None:
        os.write(tell, b"x")
        assert os.read(gone, 1) == b""

    monkeypatch.setattr(lock, "_pause", let_go)
    WriterLock(tmp_path / "l.lock").release()
    os.close(tell)
    os.close(gone)


def test_one_that_goes_on_holding_it_is_told_from_a_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tell, gone = killed_writer(tmp_path / "l.lock")
    monkeypatch.setattr(lock, "_pause", lambda _: None)
    with pytest.raises(Conflict, match="is gone, but something it started holds"):
        WriterLock(tmp_path / "l.lock")
    os.close(tell)
    os.close(gone)
