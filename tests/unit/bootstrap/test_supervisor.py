from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from steersman.bootstrap.supervisor import EXIT_MISCONFIGURED, Child, Supervisor, wait_until
from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import Unavailable


def a_child(name: str, body: str, *, ready: Callable[[Callable[[], bool]], None] | None = None) -> Child:
    return Child(name=name, command=(sys.executable, "-c", body), ready=ready or (lambda _alive: None))


def until(condition: Callable[[], bool]) -> None:
    pause, clock = threading.Event(), SystemClock()
    give_up = clock.elapsed_ns() + 20 * 10**9
    while not condition():
        assert clock.elapsed_ns() < give_up, "it never happened"
        pause.wait(0.01)


def test_a_child_that_dies_is_started_again(tmp_path: Path) -> None:
    log, said = tmp_path / "starts", list[str]()
    body = f"import os, signal; open({str(log)!r}, 'a').write('x'); os.kill(os.getpid(), signal.SIGKILL)"
    supervisor = Supervisor([a_child("core", body)], say=said.append)
    thread = threading.Thread(target=lambda: supervisor.run(lambda: None))
    thread.start()
    until(lambda: log.exists() and len(log.read_text()) >= 2)
    supervisor.stop()
    thread.join(20)
    assert not thread.is_alive()
    assert said[0] == "core ended with signal SIGKILL; restarting in 1 s"


def test_a_child_that_says_misconfigured_stops_everything() -> None:
    said: list[str] = []
    other = a_child("desk", "import time; time.sleep(60)")
    supervisor = Supervisor([other, a_child("core", f"raise SystemExit({EXIT_MISCONFIGURED})")], say=said.append)
    assert supervisor.run(lambda: None) == EXIT_MISCONFIGURED
    assert "core stopped because something must be changed" in said[-1]
    assert supervisor.pids() == {}


def test_a_child_that_died_and_finds_its_file_half_edited_is_tried_until_it_is_mended(tmp_path: Path) -> None:
    log, said = tmp_path / "starts", list[str]()
    body = f"""
import os, pathlib, signal, time
log = pathlib.Path({str(log)!r})
lives = len(log.read_text()) if log.exists() else 0
log.write_text("x" * (lives + 1))
if lives == 0: os.kill(os.getpid(), signal.SIGKILL)
if lives == 1: raise SystemExit({EXIT_MISCONFIGURED})
time.sleep(60)
"""
    supervisor = Supervisor([a_child("desk", body)], say=said.append)
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(supervisor.run(lambda: None)))
    thread.start()
    until(lambda: len(said) == 2 and log.exists() and len(log.read_text()) == 3)
    supervisor.stop()
    thread.join(20)
    assert said[1] == "desk ended with exit code 2; restarting in 2 s"
    assert codes == [0]


def test_a_child_that_ends_before_it_is_ready_is_an_error_and_the_others_are_stopped() -> None:
    def ready(alive: Callable[[], bool]) -> None:
        wait_until(lambda: False, alive, what="the desk", fix="look")

    core = a_child("core", "import time; time.sleep(60)")
    supervisor = Supervisor([core, a_child("desk", "pass", ready=ready)], say=lambda _: None)
    with pytest.raises(Unavailable, match="the desk ended before it was ready"):
        supervisor.run(lambda: None)
    assert supervisor.pids() == {}
