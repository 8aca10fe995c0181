"""What the page of logins and data, and the doctor, say of a server that machines share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.builders_automation import wait_for
from tests.builders_console import Served, a_desk, served

from steersman.bootstrap.doctor_services import examine_services

TOML = """
[desk]
name = "Test desk"
[shared]
kind = "{kind}"
namespace = "console"
machine = "attic"
{more}
"""


def a_sharing_desk(root: Path, kind: str, more: str = "") -> Iterator[Served]:
    with served(a_desk(root, text=TOML.format(kind=kind, more=more))) as found:
        yield found


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Served]:
    yield from a_sharing_desk(tmp_path / "desk", "memory")


@pytest.fixture
def cut_off(tmp_path: Path) -> Iterator[Served]:
    yield from a_sharing_desk(tmp_path / "desk", "redis", 'url = "redis://127.0.0.1:1/0"')


def _page(here: Served, wanted: str) -> str:
    """Return the page once it says `wanted`: the first reading does not wait for the server."""
    wait_for(lambda: wanted in here.ask("GET", "/shared", cookie=here.cookie())[2])
    return here.ask("GET", "/shared", cookie=here.cookie())[2]


def test_the_page_says_what_is_shared_with_other_machines(here: Served) -> None:
    text = _page(here, "Other machines")
    for part in ("over memory", "console", "attic", "0 records", "0 locks"):
        assert part in text


def test_the_page_says_that_the_server_does_not_answer(cut_off: Served) -> None:
    text = _page(cut_off, "Other machines")
    assert "Redis at 127.0.0.1:1/0 does not answer: pulls go on alone meanwhile" in text


def test_the_doctor_says_so_too(here: Served, tmp_path: Path) -> None:
    (found,) = [d for d in examine_services(here.desk) if d.name == "shared"]
    assert (found.level, "this machine is attic" in found.found) == ("ok", True)


def test_the_doctor_fails_a_server_that_does_not_answer_and_says_what_to_do(cut_off: Served) -> None:
    (found,) = [d for d in examine_services(cut_off.desk) if d.name == "shared"]
    assert found.level == "fail"
    assert "pulls go on alone meanwhile" in found.found
    assert found.fix.startswith("start it, or correct url")
