"""Tokens of shared resources: never more out than there are, first come first served, the dead hold nothing."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders_automation import PYTHON, wait_for

from steersman.automation.admission.tokens import Claim, Tokens, _blocked

THERE = {"api": 2, "cpu": 3}


def test_what_is_there_is_given_and_no_more(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    assert tokens.take("a-1", "a", {"api": 2}, THERE, 1) == ""
    assert tokens.take("b-1", "b", {"api": 1}, THERE, 2) == "waits for api: held by a-1"
    assert tokens.take("c-1", "c", {"cpu": 3}, THERE, 3) == ""
    tokens.drop("a-1")
    assert tokens.take("b-1", "b", {"api": 1}, THERE, 4) == ""


def test_a_small_one_does_not_overtake_a_big_one_for_ever(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    tokens.take("a-1", "a", {"api": 1}, THERE, 1)
    assert tokens.take("big-1", "big", {"api": 2}, THERE, 2) == "waits for api: held by a-1"
    assert tokens.take("small-1", "small", {"api": 1}, THERE, 3) == "waits for api: big-1 came first"
    assert tokens.take("other-1", "other", {"cpu": 1}, THERE, 3) == ""
    tokens.drop("a-1")
    assert tokens.take("small-1", "small", {"api": 1}, THERE, 4) == "waits for api: big-1 came first"
    assert tokens.take("big-1", "big", {"api": 2}, THERE, 5) == ""


def test_asking_again_while_holding_changes_nothing(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    assert tokens.take("a-1", "a", {"api": 2}, THERE, 1) == ""
    assert tokens.take("a-1", "a", {"api": 2}, THERE, 2) == ""
    assert [c.run_id for c in tokens.claims()] == ["a-1"]


def test_a_process_that_died_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from steersman.automation.admission.tokens import Tokens;"
        "print(repr(Tokens(pathlib.Path(sys.argv[1])).take('x-1', 'x', {'api': 2}, {'api': 2}, 1)), flush=True);"
        "sys.stdin.read()"
    )
    process = subprocess.Popen(
        [PYTHON, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    tokens = Tokens(tmp_path)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "''\n"
        assert tokens.take("y-1", "y", {"api": 1}, {"api": 2}, 2) == "waits for api: held by x-1"
    finally:
        process.kill()
        process.communicate()
    wait_for(lambda: tokens.take("y-1", "y", {"api": 1}, {"api": 2}, 3) == "")


def test_tokens_that_a_full_disk_kept_from_being_given_back_are_given_back_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = Tokens(tmp_path)
    assert tokens.take("a-1", "a", {"api": 2}, THERE, 1) == ""

    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        tokens.drop("a-1")
    assert tokens.take("b-1", "b", {"api": 2}, THERE, 2) == ""
    assert [c.run_id for c in tokens.claims()] == ["b-1"]


def test_a_file_that_cannot_be_read_is_taken_for_empty(tmp_path: Path) -> None:
    (tmp_path / ".tokens.json").write_bytes(b'[{"run')
    assert Tokens(tmp_path).claims() == []


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.booleans(), st.dictionaries(st.sampled_from(["api", "cpu"]), st.integers(1, 2)))
    )
)
def test_no_order_of_asking_and_giving_back_hands_out_more_than_there_is(
    steps: list[tuple[int, bool, dict[str, int]]],
) -> None:
    claims: list[Claim] = []
    for who, asks, wanted in steps:
        run_id = f"r-{who}"
        mine = next((c for c in claims if c.run_id == run_id), None)
        if not asks:
            claims = [c for c in claims if c.run_id != run_id]
            continue
        if mine is None:
            mine = Claim(run_id=run_id, automation="r", wanted=wanted, held=False, since=0, pid=1, ticks=1, boot="")
            claims.append(mine)
        if not _blocked(mine, claims, THERE):
            claims[claims.index(mine)] = msgspec.structs.replace(mine, held=True)
        for name, most in THERE.items():
            assert sum(c.wanted.get(name, 0) for c in claims if c.held) <= most
