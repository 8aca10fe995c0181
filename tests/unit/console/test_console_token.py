"""The token's file, and what is made from the token."""

from __future__ import annotations

from pathlib import Path

import pytest

from steersman.console.sessions import LASTS_S, Guesses, Sessions
from steersman.console.token import read, read_or_create, renew
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Misconfigured

TOKEN = "x" * 43


def test_the_first_start_makes_a_token_that_only_the_owner_can_read(tmp_path: Path) -> None:
    path = tmp_path / "state" / "console.token"
    made = read_or_create(path)
    assert len(made) == 43
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_or_create(path) == made


def test_two_workspaces_have_different_tokens(tmp_path: Path) -> None:
    assert read_or_create(tmp_path / "a") != read_or_create(tmp_path / "b")


def test_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "console.token"
    read_or_create(path)
    path.chmod(0o640)
    with pytest.raises(Misconfigured, match="other users") as refused:
        read_or_create(path)
    assert "chmod 600" in refused.value.fix


@pytest.mark.parametrize("text", ["", "short", "spaces are not part of any token, however long it may be"])
def test_a_file_that_holds_no_token_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "console.token"
    path.write_text(text, encoding="ascii")
    path.chmod(0o600)
    with pytest.raises(Misconfigured, match="no token"):
        read_or_create(path)


def test_a_session_is_valid_until_it_expires() -> None:
    clock = FakeClock()
    sessions = Sessions(TOKEN, clock)
    value = sessions.issue()
    assert sessions.is_valid(value)
    clock.advance(LASTS_S - 1)
    assert sessions.is_valid(value)
    clock.advance(2)
    assert not sessions.is_valid(value)


def test_a_session_survives_a_restart_but_not_another_token() -> None:
    clock = FakeClock()
    value = Sessions(TOKEN, clock).issue()
    assert Sessions(TOKEN, clock).is_valid(value)
    assert not Sessions("y" * 43, clock).is_valid(value)


def test_no_changed_session_is_valid() -> None:
    sessions = Sessions(TOKEN, FakeClock())
    value = sessions.issue()
    for place in range(len(value)):
        other = "A" if value[place] != "A" else "B"
        assert not sessions.is_valid(value[:place] + other + value[place + 1 :])
    body, _, mac = value.rpartition(".")
    name, _, until = body.rpartition(".")
    assert not sessions.is_valid(f"{name}.{int(until) + 1}.{mac}")
    for junk in ("", ".", "..", "a.b.c", "é.1.é"):
        assert not sessions.is_valid(junk)


def test_each_session_has_its_own_request_token() -> None:
    sessions = Sessions(TOKEN, FakeClock())
    one, two = sessions.issue(), sessions.issue()
    assert sessions.is_from_page(one, sessions.csrf(one))
    assert not sessions.is_from_page(one, sessions.csrf(two))
    assert not sessions.is_from_page(one, "")


def test_after_five_wrong_tokens_the_sixth_waits_until_the_first_is_a_minute_old() -> None:
    clock = FakeClock()
    guesses = Guesses(clock)
    for _ in range(5):
        assert guesses.wait_s() == 0
        guesses.failed()
        clock.advance(2)
    assert guesses.wait_s() == 50
    clock.advance(49)
    assert guesses.wait_s() == 1
    clock.advance(1)
    assert guesses.wait_s() == 0


def test_a_renewed_token_replaces_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "state" / "api.token"
    assert read(path) is None
    first = renew(path)
    assert read(path) == first
    second = renew(path)
    assert first != second
    assert read(path) == read_or_create(path) == second
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["api.token"]
