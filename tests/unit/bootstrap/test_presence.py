"""Who serves the console is known for as long as it serves, whatever else is started meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import psutil
import pytest

from steersman.bootstrap import presence
from steersman.bootstrap.sample import make_empty
from steersman.bootstrap.workspace import load_workspace
from steersman.cli.main import run


def test_up_typed_twice_says_who_is_up_and_takes_nothing_away(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make_empty(tmp_path)
    place = load_workspace(tmp_path).presence
    place.parent.mkdir(exist_ok=True)
    presence.announce(place, "http://127.0.0.1:8787")
    assert run("up", ["--port", "0", "--dir", str(tmp_path)]) == 1
    said = " ".join(capfd.readouterr().err.split())
    assert f"this desk is up already: process {os.getpid()} serves http://127.0.0.1:8787 fix: use that one" in said
    assert presence.find(place) is not None


def test_a_desk_that_ends_withdraws_its_own_word_only(tmp_path: Path) -> None:
    place, other = tmp_path / "desk.json", psutil.Process(os.getppid())
    there = presence.Presence(pid=other.pid, created_s=other.create_time(), url="http://127.0.0.1:1")
    place.write_bytes(msgspec.json.encode(there))
    presence.withdraw(place)
    assert presence.find(place) == there
    presence.announce(place, "http://127.0.0.1:2")
    presence.withdraw(place)
    assert not place.exists()
