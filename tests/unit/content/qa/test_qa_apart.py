"""The first pass in a process of its own: the same findings, and nothing that stays."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import psutil
import pytest
from tests.builders_content import a_draft

from steersman.content.qa.engines.apart import Apart, KeptApart
from steersman.content.qa.engines.which import Which
from steersman.kernel.errors import Unavailable

HARPER = Which(name="harper", dialect="american", vocabulary=("Qwertzish",))


@pytest.fixture(scope="module")
def apart() -> Iterator[Apart]:
    made = Apart(HARPER, idle_s=3600)
    yield made
    made.close()


def the_child() -> psutil.Process:
    """Return the checking process this one started last."""
    return [p for p in psutil.Process().children() if any("apart_child" in word for word in p.cmdline())][-1]


def test_it_finds_what_the_engine_finds_here(apart: Apart) -> None:
    draft = a_draft("We use Qwertzish, and recieve 🎉 teh `codde`.\n")

    assert apart.check(draft) == HARPER.made().check(draft) != []


def test_a_child_that_died_is_replaced(apart: Apart) -> None:
    apart.check(a_draft())
    child = the_child()
    os.kill(child.pid, signal.SIGKILL)
    child.wait(10)

    assert [f.category for f in apart.check(a_draft("I recieve it.\n"))] == ["spelling"]


def test_a_text_that_breaks_two_children_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steersman.content.qa.engines.apart._CHILD", "steersman.no_such_module")

    with pytest.raises(Unavailable, match=r"broke 2 times on content/one\.md"):
        Apart(HARPER).check(a_draft())


def test_after_a_while_without_questions_there_is_no_child() -> None:
    one = Apart(HARPER, idle_s=0)
    one.check(a_draft("Fine.\n"))
    timer = one._timer
    assert timer is not None

    timer.join()

    assert not one.is_running


def test_a_draft_that_did_not_change_asks_nobody() -> None:
    kept = KeptApart()
    first = kept(HARPER).check(a_draft("I recieve it.\n"))
    the_child().kill()

    assert kept(HARPER).check(a_draft("I recieve it.\n")) == first != []
    assert kept(HARPER) is kept(HARPER)
