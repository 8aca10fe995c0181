"""Files that are replaced whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from steersman.kernel.whole_file import write_whole


def test_a_file_is_replaced_and_its_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state.json"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert [(p.name, p.read_bytes()) for p in path.parent.iterdir()] == [("state.json", b"two")]


def test_what_cannot_be_written_leaves_what_was_there_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.json"
    write_whole(path, b"old")

    def full(fresh: Path, data: bytes) -> int:
        fresh.touch()
        raise OSError(28, "No space left on device", str(fresh))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("state.json", b"old")]
