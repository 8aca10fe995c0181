"""Who asks, as seen from outside."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.services.serving.peer import Running, credentials, identify, named

PYTHON = sys.executable
WAIT = "import sys; print(flush=True); sys.stdin.read()"


@contextmanager
def a_process(*command: str, **env: str) -> Iterator[int]:
    """Yield the pid of a process that waits; its environment and command line can be looked at."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **env}, start_new_session=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdout.readline()  # until then it may still be a copy of this process
        yield process.pid
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize(
    ("command", "who"),
    [
        ("/usr/bin/python3 /srv/desk/automations/prices.py --all", "script:prices.py"),
        ("python3.11 -u -X utf8 prices.py", "script:prices.py"),
        ("python -m desk.prices", "script:desk.prices"),
        ("python -c print(1)", "script:python"),
        ("python -", "script:python"),
        ("bash -e sync.sh now", "script:sync.sh"),
        ("bash -o pipefail -eu sync.sh", "script:sync.sh"),
        ("sh -euc steersman", "script:sh"),
        ("perl -e print", "script:perl"),
        ("node --require x.js index.js", "script:index.js"),
        ("/opt/tools/report", "script:report"),
        ("-bash", "person:cli"),
        ("zsh", "person:cli"),
        ("python3", "person:cli"),
    ],
)
def test_a_command_line_is_called_by_its_script(command: str, who: str) -> None:
    assert named(command.split()) == who


@given(st.lists(st.text(min_size=1), min_size=1, max_size=6))
def test_any_command_line_gives_a_short_name_of_plain_characters(words: list[str]) -> None:
    who = named(words)
    assert len(who) <= 67
    assert who.isascii()
    assert "\n" not in who


@given(
    st.sampled_from(["bash", "sh", "python3.11", "perl", "node"]),
    st.lists(st.sampled_from(["", "-", "-s", "-c", "--", "-m", "-X", "x.sh", "-euc", "\x00"]), max_size=5),
)
def test_an_interpreter_with_odd_or_empty_words_has_a_name_too(program: str, words: list[str]) -> None:
    kind, colon, name = named([program, *words]).partition(":")
    assert (kind in ("script", "person"), colon, bool(name)) == (True, ":", True)


def test_a_run_in_flight_is_named_by_its_automation() -> None:
    with a_process(PYTHON, "-c", WAIT, STEERSMAN_RUN_ID="prices-1") as pid:
        caller = identify(pid, 0, {"prices-1": Running(automation="prices", pid=pid)}.get)
    assert (caller.who, caller.run_id) == ("automation:prices", "prices-1")


def test_a_run_that_is_still_being_started_is_named_by_its_environment() -> None:
    with a_process(PYTHON, "-c", WAIT, STEERSMAN_RUN_ID="prices-1") as pid:
        assert identify(pid, 0, lambda _: Running(automation="prices", pid=0)).who == "automation:prices"


def test_who_borrows_the_run_id_of_another_process_is_named_after_himself() -> None:
    with a_process(PYTHON, "-c", WAIT) as other, a_process(PYTHON, "-c", WAIT, STEERSMAN_RUN_ID="prices-1") as pid:
        caller = identify(pid, 0, lambda _: Running(automation="prices", pid=other))
    assert (caller.who, caller.run_id) == (f"script:{os.path.basename(PYTHON)}", "")  # noqa: PTH119 - of a name only


def test_a_run_id_of_no_run_in_flight_means_nothing() -> None:
    with a_process(PYTHON, "-c", WAIT, STEERSMAN_RUN_ID="prices-1") as pid:
        assert identify(pid, 0).run_id == ""


def test_a_process_that_is_gone_is_known_by_its_user_only() -> None:
    with a_process(PYTHON, "-c", WAIT) as pid:
        pass
    assert identify(pid, 1234).who == "uid:1234"


def test_the_kernel_says_who_is_at_the_other_end() -> None:
    here, there = socket.socketpair(socket.AF_UNIX)
    with here, there:
        assert credentials(here) == (os.getpid(), os.getuid())
