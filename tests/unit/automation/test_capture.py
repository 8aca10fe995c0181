"""The log keeps the beginning and the end and counts what it drops."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.automation.runner.capture import Capture


def captured(path: Path, limit: int, chunks: list[bytes]) -> Capture:
    with Capture(path, limit) as capture:
        for chunk in chunks:
            capture.write(chunk)
    return capture


def test_output_within_the_limit_is_kept_byte_for_byte(tmp_path: Path) -> None:
    raw = bytes(range(256)) * 4
    capture = captured(tmp_path / "log", 2048, [raw[:1000], raw[1000:]])
    assert (tmp_path / "log").read_bytes() == raw
    assert (capture.kept_bytes, capture.dropped_bytes) == (1024, 0)


def test_output_at_exactly_the_limit_loses_nothing(tmp_path: Path) -> None:
    capture = captured(tmp_path / "log", 1000, [b"a" * 999, b"b"])
    assert (tmp_path / "log").read_bytes() == b"a" * 999 + b"b"
    assert capture.dropped_bytes == 0


def test_beyond_the_limit_beginning_and_end_stay_around_a_marker(tmp_path: Path) -> None:
    capture = captured(tmp_path / "log", 1000, [b"first " + b"x" * 50_000, b"y" * 50_000 + b" last"])
    text = (tmp_path / "log").read_bytes()
    assert text.startswith(b"first ")
    assert text.endswith(b" last")
    assert b"99,011 bytes of output not kept (limit 1,000)" in text
    assert (capture.kept_bytes, capture.dropped_bytes) == (1000, 99_011)


@pytest.mark.parametrize("limit", [1, 2, 3, 1024])
def test_the_smallest_limits_hold(tmp_path: Path, limit: int) -> None:
    capture = captured(tmp_path / "log", limit, [b"z" * 5000])
    assert capture.kept_bytes == limit
    assert capture.total_bytes == 5000


@given(chunks=st.lists(st.binary(max_size=200), max_size=30), limit=st.integers(1, 400))
def test_what_is_kept_and_what_is_dropped_add_up(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes], limit: int
) -> None:
    path = tmp_path_factory.mktemp("capture") / "log"
    capture = captured(path, limit, chunks)
    whole = b"".join(chunks)
    assert capture.kept_bytes + capture.dropped_bytes == len(whole)
    assert capture.kept_bytes == min(len(whole), limit)
    assert whole.endswith(capture.tail())
    if len(whole) <= limit:
        assert path.read_bytes() == whole


def test_a_disk_that_refuses_stops_the_log_and_not_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    capture = Capture(tmp_path / "log", 1000)

    class FullDisk:
        closed = False

        def write(self, data: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self) -> None:
            self.closed = True

    capture._file.close()
    monkeypatch.setattr(capture, "_file", FullDisk())
    capture.write(b"hello")
    capture.close()
    assert capture.problem == "the log could not be written: No space left on device"
    assert (capture.kept_bytes, capture.dropped_bytes, capture.tail()) == (0, 5, b"hello")
