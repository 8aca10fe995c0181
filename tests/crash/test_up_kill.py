"""`steersman up` with its processes killed: the desk may go, the core comes back where it was, nothing is doubled."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from steersman.bootstrap.desk import open_desk
from steersman.kernel.clock import SystemClock
from steersman.ledger.adapters.sqlite import create as sqlite_ledger
from steersman.trading.digest import decisions_digest
from steersman.trading.links import check_links

pytestmark = pytest.mark.crash
# 252 sessions in 20 s: the desk is ready long before the feed ends, also on a busy machine.
PACE = ("--pace", "0.08")
MARKED, STARTED, FINISHED = "trading.account.marked", "trading.feed.started", "trading.feed.finished"
_SHORT = 'start = "2011-01-03"\nend = "2011-12-30"'


def steersman(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "steersman.cli", *arguments], capture_output=True, text=True, check=False
    )


def until(condition: Callable[[], bool], *, seconds: float = 150) -> None:
    pause, clock = threading.Event(), SystemClock()
    give_up = clock.elapsed_ns() + int(seconds * 1e9)
    while not condition():
        assert clock.elapsed_ns() < give_up, "it never happened"
        pause.wait(0.02)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample desk over one year, with its prices pulled."""
    folder = tmp_path_factory.mktemp("sample") / "desk"
    assert steersman("init", "--sample", str(folder)).returncode == 0
    file = folder / "steersman.toml"
    file.write_text(file.read_text().replace('start = "2005-01-03"', _SHORT), encoding="utf-8")
    assert steersman("auto", "run", "pull_prices", "--dir", str(folder)).returncode == 0
    return folder


@pytest.fixture
def a_desk(sample: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Makes desks that are copies of the sample."""
    return lambda name: Path(shutil.copytree(sample, tmp_path / name))


@contextmanager
def up(folder: Path, *arguments: str) -> Iterator[tuple[psutil.Process, str]]:
    """Run `steersman up` and yield its process and URL."""
    command = [sys.executable, "-m", "steersman.cli", "up", "--json", "--port", "0", "--dir", str(folder), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, "it ended before it served"
        yield psutil.Process(process.pid), str(json.loads(line)["url"])
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in (0, -signal.SIGKILL)
        process.stdout.close()


def child(process: psutil.Process, module: str) -> psutil.Process:
    return next(c for c in process.children() if module in " ".join(c.cmdline()))


def count(folder: Path, kind: str) -> int:
    """Return how many events of `kind` are durable; light enough to ask again and again."""
    ledger = sqlite_ledger(folder / ".steersman" / "ledger.db", read_only=True)
    try:
        return sum(1 for _ in ledger.read(types=(kind,)))
    finally:
        ledger.close()


def facts(folder: Path) -> dict[str, Any]:
    desk = open_desk(folder)
    try:
        links = check_links(desk.ledger)
        return {
            "digest": decisions_digest(desk.ledger),
            "problems": links.problems,
            "fills": links.fills,
            "chain": desk.ledger.verify().ok,
            "marks": count(folder, MARKED),
        }
    finally:
        desk.close()


def test_a_core_killed_while_it_trades_goes_on_where_it_was(a_desk: Callable[[str], Path]) -> None:
    undisturbed, killed = a_desk("one"), a_desk("two")
    with up(undisturbed):
        until(lambda: count(undisturbed, FINISHED) == 1)
    with up(killed, *PACE) as (process, _):
        for number in range(1, 4):
            until(partial(_reached, killed, MARKED, count(killed, MARKED) + 15))
            os.kill(child(process, "steersman.bootstrap.core").pid, signal.SIGKILL)
            until(partial(_reached, killed, STARTED, number + 1))
        until(lambda: count(killed, FINISHED) == 1)
    expected, found = facts(undisturbed), facts(killed)
    assert found == expected
    assert found["fills"] > 0
    assert (found["problems"], found["chain"]) == ([], True)


def _reached(folder: Path, kind: str, at: int) -> bool:
    return count(folder, kind) >= at


def test_trading_goes_on_while_the_desk_is_dead(a_desk: Callable[[str], Path]) -> None:
    folder = a_desk("desk")
    with up(folder, *PACE) as (process, _):
        before = count(folder, MARKED)
        os.kill(child(process, "steersman.console.process").pid, signal.SIGKILL)
        until(lambda: count(folder, MARKED) > before + 20)
        until(lambda: any("steersman.console.process" in " ".join(c.cmdline()) for c in process.children()))


def test_a_second_core_on_the_same_workspace_is_refused_and_the_first_goes_on(a_desk: Callable[[str], Path]) -> None:
    folder = a_desk("desk")
    with up(folder) as (process, _):
        second = steersman("up", "--port", "0", "--dir", str(folder))
        assert second.returncode == 1
        assert "this desk is up already" in second.stderr
        assert process.is_running()


def test_what_a_killed_supervisor_leaves_ends_and_the_next_one_finds_room(a_desk: Callable[[str], Path]) -> None:
    folder = a_desk("desk")
    with up(folder) as (process, _):
        family = process.children()
        assert len(family) == 2
        process.kill()
        until(lambda: not any(each.is_running() for each in family), seconds=30)
    with up(folder) as (process, url):
        assert process.is_running()
        assert url.startswith("http://127.0.0.1:")


def test_a_port_in_use_is_named_with_the_way_out(a_desk: Callable[[str], Path]) -> None:
    folder = a_desk("one")
    other = a_desk("two")
    with up(folder) as (_, url):
        port = url.rsplit(":", 1)[1].strip("/")
        second = steersman("up", "--port", port, "--dir", str(other))
    assert second.returncode == 2
    assert port in second.stderr
    assert "--port" in second.stderr
