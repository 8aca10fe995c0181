"""A log is read while it grows, whole and safe, until the run has ended."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.automation.runner.capture import Capture
from steersman.automation.runner.follow import SafeText, follow, open_log
from steersman.cli.auto_words import read_log
from steersman.kernel.errors import Misconfigured


def test_what_is_written_between_looks_is_yielded_in_order(tmp_path: Path) -> None:
    log = tmp_path / "log"
    parts = iter([b"one\n", b"tw", b"o\n", b""])
    waits: list[float] = []

    def write(seconds: float) -> None:
        waits.append(seconds)
        with log.open("ab") as file:
            file.write(next(parts))

    assert "".join(follow(log, lambda: len(waits) == 4, wait=write)) == "one\ntwo\n"
    assert waits == [0.2] * 4


def test_what_is_written_just_before_the_end_is_not_lost(tmp_path: Path) -> None:
    log = tmp_path / "log"

    def ended() -> bool:
        log.write_bytes(b"last words")
        return True

    assert list(follow(log, ended)) == ["last words"]


def test_a_run_that_never_wrote_a_log_yields_nothing(tmp_path: Path) -> None:
    assert list(follow(tmp_path / "log", lambda: True)) == []


def test_a_link_in_place_of_the_log_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("key")
    (tmp_path / "log").symlink_to(tmp_path / "secret")
    assert list(follow(tmp_path / "log", lambda: True)) == []


def test_a_pipe_in_place_of_the_log_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")
    assert list(follow(tmp_path / "log", lambda: True)) == []
    with pytest.raises(OSError, match="it is no plain file"):
        open_log(tmp_path / "log")
    with pytest.raises(Misconfigured, match="cannot be read as a log: it is no plain file"):
        read_log(tmp_path / "log")


def test_a_link_in_place_of_the_log_is_not_printed_either(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("key")
    (tmp_path / "log").symlink_to(tmp_path / "secret")
    with pytest.raises(Misconfigured, match="cannot be read as a log"):
        read_log(tmp_path / "log")


def test_a_capture_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    looks = 0

    def ended() -> bool:
        nonlocal looks
        looks += 1
        return looks == 3

    with Capture(tmp_path / "log", 1000) as capture:
        read = follow(tmp_path / "log", ended, wait=lambda _: capture.write(b"more\n"))
        capture.write(b"first\n")
        assert list(read) == ["first\n", "more\n", "more\n"]


def test_control_characters_do_not_reach_the_terminal() -> None:
    safe = SafeText()
    assert safe.take(b"\x1b]0;title\x07a\tb\r\nc\xff") + safe.end() == "\ufffd]0;title\ufffda\tb\nc\ufffd"


@given(raw=st.binary(max_size=60), cuts=st.lists(st.integers(0, 60), max_size=5))
def test_text_is_the_same_in_whatever_pieces_it_comes(raw: bytes, cuts: list[int]) -> None:
    whole, cut = SafeText(), SafeText()
    edges = [0, *sorted(min(c, len(raw)) for c in cuts), len(raw)]
    pieces = "".join(cut.take(raw[a:b]) for a, b in itertools.pairwise(edges)) + cut.end()
    assert pieces == whole.take(raw) + whole.end()
