"""A desk whose engine cannot be had: it goes on trying, says so once, and is a desk meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.builders_automation import wait_for
from tests.builders_console import a_desk

from steersman.automation import Manifest
from steersman.bootstrap import engines
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.engines import KeptEngine, engine_trouble
from steersman.bootstrap.workspace import Workspace
from steersman.kernel.errors import Misconfigured, Unavailable


class Moody:
    """An engine that cannot be started until it has been asked `refusals` times."""

    def __init__(self, refusals: int, error: type[Exception] = Unavailable) -> None:
        self.refusals = refusals
        self.error = error
        self.started = 0
        self.closed = 0

    def start(self, manifest: Manifest, *, schedules: bool = True) -> None:
        self.started += 1
        if self.started <= self.refusals:
            raise self.error("the database does not answer")

    def close(self) -> None:
        self.closed += 1


def kept(desk: Desk, engine: Moody, monkeypatch: pytest.MonkeyPatch) -> tuple[KeptEngine, list[str]]:
    said: list[str] = []
    monkeypatch.setattr(engines, "open_engine", lambda *_, **__: engine)
    return KeptEngine(desk, say=said.append, again_s=0.01), said


def test_an_engine_that_can_be_had_is_started_and_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, engine = a_desk(tmp_path), Moody(0)
    keeper, said = kept(desk, engine, monkeypatch)
    keeper.start()
    keeper.close()
    assert (engine.started, engine.closed, said, engine_trouble(desk.ledger)) == (1, 1, [], "")
    desk.close()


def test_one_that_cannot_is_tried_until_it_can_and_both_are_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, engine = a_desk(tmp_path), Moody(3)
    keeper, said = kept(desk, engine, monkeypatch)
    keeper.start()
    assert engine_trouble(desk.ledger) == "the engine embedded cannot be had: the database does not answer"
    wait_for(lambda: not engine_trouble(desk.ledger))
    keeper.close()
    assert (engine.started, engine.closed) == (4, 4)
    assert said == ["automations wait: the database does not answer", "automations go on: the engine is there"]
    desk.close()


def test_a_desk_that_was_started_anew_and_has_its_engine_no_longer_says_it_has_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = a_desk(tmp_path)
    first, _ = kept(desk, Moody(10**9), monkeypatch)
    first.start()
    first.close()
    assert engine_trouble(desk.ledger)
    second, _ = kept(desk, Moody(0), monkeypatch)
    second.start()
    assert engine_trouble(desk.ledger) == ""
    second.close()
    desk.close()


def test_what_goes_wrong_while_it_is_tried_again_is_said_and_it_is_tried_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, engine = a_desk(tmp_path), Moody(1)
    keeper, said = kept(desk, engine, monkeypatch)
    manifests = [Misconfigured("line 3 is wrong"), Misconfigured("line 3 is wrong")]
    read = engines.manifest_of

    def manifest_of(workspace: Workspace, **options: bool) -> Manifest:
        if engine.started and manifests:
            raise manifests.pop()
        return read(workspace, **options)

    monkeypatch.setattr(engines, "manifest_of", manifest_of)
    keeper.start()
    wait_for(lambda: not engine_trouble(desk.ledger))
    keeper.close()
    assert said[1:] == ["automations still wait: line 3 is wrong", "automations go on: the engine is there"]
    desk.close()


def test_closing_ends_the_trying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, engine = a_desk(tmp_path), Moody(10**9)
    keeper, _ = kept(desk, engine, monkeypatch)
    keeper.start()
    keeper.close()
    tried = engine.started
    assert engine.closed == tried
    keeper.close()
    desk.close()


def test_what_a_person_must_change_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, engine = a_desk(tmp_path), Moody(1, Misconfigured)
    keeper, said = kept(desk, engine, monkeypatch)
    with pytest.raises(Misconfigured):
        keeper.start()
    keeper.close()
    assert (engine.started, engine.closed, said) == (1, 1, [])
    desk.close()
