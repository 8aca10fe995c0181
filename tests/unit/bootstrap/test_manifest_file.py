"""Edits of automations, logins and data in steersman.toml while a desk runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.builders_automation import events, wait_for
from tests.builders_console import a_desk

from steersman.automation.events import MANIFEST_LOADED, ManifestLoaded
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.engines import KeptEngine
from steersman.bootstrap.in_force import load_in_force
from steersman.bootstrap.manifest_file import ManifestFile
from steersman.bootstrap.policy_file import PolicyFile, edit_trouble
from steersman.bootstrap.status import look
from steersman.bootstrap.workspace import FILE
from steersman.kernel.errors import Misconfigured, Unavailable
from steersman.policy.events import EDIT_REFUSED

TOML = """
[engine]
kind = "memory"

[automation.old]
run = "true"
schedule = "0 0 1 1 *"

[automation.kept]
run = "sleep 600"
on = ["script.kept.wanted"]

[automation.fires]
run = "sh -c 'true'"
on = ["script.fires.wanted"]
"""


class Life:
    """A desk with its engine, and what it said."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.desk: Desk = a_desk(root, text=TOML)
        self.said: list[str] = []
        self.engine = KeptEngine(self.desk, say=self.said.append)
        self.file = ManifestFile(self.desk, self.engine, say=self.said.append)
        self.engine.start()

    def edit(self, old: str, new: str, *, looks: int = 2) -> None:
        text = (self.root / FILE).read_text(encoding="utf-8")
        assert old in text
        (self.root / FILE).write_text(text.replace(old, new), encoding="utf-8")
        for _ in range(looks):
            self.file.look()

    def loaded(self) -> list[ManifestLoaded]:
        return [
            msgspec.json.decode(e.data, type=ManifestLoaded) for e in self.desk.ledger.read(types=(MANIFEST_LOADED,))
        ]

    def refused(self) -> int:
        return sum(1 for _ in self.desk.ledger.read(types=(EDIT_REFUSED,)))

    def close(self) -> None:
        self.file.close()
        self.engine.close()
        self.desk.close()


@pytest.fixture
def life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Life]:
    monkeypatch.setattr("steersman.automation.triggers._LOOK_S", 0.02)
    found = Life(tmp_path)
    yield found
    found.close()


def emit(desk: Desk, kind: str) -> None:
    from steersman.ledger import new_event

    desk.ledger.append([new_event(kind, stream="s", data={}, actor="a", now_ns=1)])


def test_what_is_written_comes_into_force_and_is_recorded_with_what_changed(life: Life) -> None:
    life.edit('[automation.old]\nrun = "true"', '[automation.new]\nrun = "true"')
    life.edit('"0 0 1 1 *"', '"0 0 2 1 *"')
    assert [(m.added, m.changed, m.removed) for m in life.loaded()[1:]] == [
        (("new",), (), ("old",)),
        ((), ("new",), ()),
    ]
    assert life.said == [f"in force from {FILE}: new new; gone old", f"in force from {FILE}: changed new"]
    assert list(life.desk.workspace.automations) == ["new", "kept", "fires"]


def test_a_trigger_that_is_added_starts_what_comes_from_then_on(life: Life) -> None:
    emit(life.desk, "script.later.wanted")
    life.edit('"script.fires.wanted"', '"script.later.wanted"')
    emit(life.desk, "script.later.wanted")
    wait_for(lambda: [kind for kind, data in events(life.desk.ledger) if data["automation"] == "fires"] != ["started"])
    wait_for(lambda: any(kind == "finished" for kind, _ in events(life.desk.ledger)))
    assert [(kind, data["automation"]) for kind, data in events(life.desk.ledger)] == [
        ("started", "fires"),
        ("finished", "fires"),
    ]


def test_what_runs_goes_on_when_it_is_no_longer_declared_and_is_not_started_again(life: Life) -> None:
    emit(life.desk, "script.kept.wanted")
    wait_for(lambda: events(life.desk.ledger))
    life.edit('[automation.kept]\nrun = "sleep 600"\non = ["script.kept.wanted"]\n', "")
    emit(life.desk, "script.kept.wanted")
    emit(life.desk, "script.fires.wanted")
    wait_for(
        lambda: any(data["automation"] == "fires" for kind, data in events(life.desk.ledger) if kind == "finished")
    )
    kept = [kind for kind, data in events(life.desk.ledger) if data["automation"] == "kept"]
    assert kept == ["started"]


def test_nonsense_is_refused_once_with_its_line_and_said_until_it_is_mended(life: Life) -> None:
    digest = life.loaded()[-1].digest
    life.edit('"script.fires.wanted"', '"policy.halt.sett"')
    life.file.look()
    PolicyFile(life.desk.workspace, life.desk.ledger, life.desk.clock)
    assert life.refused() == 1
    assert "automation.fires.on: there is no event 'policy.halt.sett'" in life.said[-1]
    assert "automations go on as declared before" in life.said[-1]
    assert f"{FILE}:15: automation.fires.on" in edit_trouble(life.root, life.desk.ledger)
    assert "there is no event 'policy.halt.sett'" in look(life.desk).refused, "`steersman status`"
    assert life.desk.workspace.automations["fires"].on == ("script.fires.wanted",)
    life.edit('"policy.halt.sett"', '"policy.halt.set"')
    assert edit_trouble(life.root, life.desk.ledger) == ""
    assert life.loaded()[-1].digest != digest
    life.edit('"policy.halt.set"', '"policy.halt.sett"')
    assert "policy.halt.sett" in edit_trouble(life.root, life.desk.ledger)


def test_while_an_edit_is_refused_whoever_looks_or_stops_goes_by_what_is_in_force(life: Life) -> None:
    life.edit("sleep 600", "sleep 500")
    life.edit("sleep 500", "sleep 400\n")
    workspace, refusal = load_in_force(life.root)
    assert workspace.automations["kept"].run == "sleep 500"
    assert refusal is not None
    life.edit("sleep 400\n", "sleep 400")
    workspace, refusal = load_in_force(life.root)
    assert (workspace.automations["kept"].run, refusal) == ("sleep 400", None)
    assert (life.root / ".steersman/in-force.toml").stat().st_mode & 0o777 == 0o600


def test_the_core_and_the_desk_record_one_refusal_between_them(life: Life) -> None:
    core = PolicyFile(life.desk.workspace, life.desk.ledger, life.desk.clock)
    life.edit('kind = "memory"', 'kind = "memmory"')
    assert [bool(core.look()) for _ in range(3)] == [False, True, False]
    assert life.refused() == 1


def test_a_file_that_is_being_written_is_judged_when_it_stands_still(life: Life) -> None:
    text = (life.root / FILE).read_text(encoding="utf-8")
    (life.root / FILE).write_text(text[: len(text) // 2] + '"', encoding="utf-8")
    life.file.look()
    (life.root / FILE).unlink()
    life.file.look()
    (life.root / FILE).write_text("\ufeff" + text, encoding="utf-8")
    life.file.look()
    life.file.look()
    assert (life.refused(), life.said) == (0, [])


def test_a_pipe_in_place_of_the_file_holds_nobody_up(life: Life) -> None:
    (life.root / FILE).unlink()
    os.mkfifo(life.root / FILE)
    life.file.look()
    life.file.look()
    assert (edit_trouble(life.root, life.desk.ledger), life.said) == ("", [])


def test_sections_that_are_read_at_a_start_are_named(life: Life) -> None:
    life.edit('kind = "memory"', 'kind = "embedded"')
    life.edit("[engine]", "[desk]\nname = 'Mine'\n[engine]")
    assert life.said == [
        f"changed in {FILE} too, in force when `steersman up` starts anew: [engine]",
        f"changed in {FILE} too, in force when `steersman up` starts anew: [desk], [engine]",
    ]
    assert life.desk.workspace.engine.kind == "memory"


def test_a_script_that_is_not_there_is_said_when_it_is_declared(life: Life) -> None:
    life.edit('run = "sleep 600"', 'run = "automations/nowhere.py"')
    life.edit('"0 0 1 1 *"', '"0 0 2 1 *"')
    assert [said.partition(":")[0] for said in life.said] == [
        f"in force from {FILE}",
        "its runs will fail",
        f"in force from {FILE}",
    ]


def test_logins_and_data_come_into_force_too(life: Life) -> None:
    life.edit(
        "[engine]", '[provider.feed]\nkind = "api_key"\n[pull.bars]\nurl = "https://data.example.com/x"\n[engine]'
    )
    assert life.said == [f"in force from {FILE}: logins [provider.feed]; data [pull.bars]"]
    assert list(life.desk.workspace.providers) == ["feed"]


@pytest.mark.parametrize(
    "error", [Unavailable("the server does not answer"), Misconfigured("it knows no such schedule")]
)
def test_what_the_engine_cannot_take_is_tried_again_or_refused(
    life: Life, monkeypatch: pytest.MonkeyPatch, error: Unavailable | Misconfigured
) -> None:
    def renew(*_: object) -> None:
        raise error

    with monkeypatch.context() as moment:
        moment.setattr(life.engine, "renew", renew)
        life.edit("[automation.old]", "[automation.new]", looks=3)
    assert len(life.said) == 1
    assert error.message in life.said[0]
    assert "old" in life.desk.workspace.automations
    life.file.look()
    assert ("new" in life.desk.workspace.automations) == isinstance(error, Unavailable)
    assert life.refused() == isinstance(error, Misconfigured)


def test_it_looks_by_itself(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steersman.bootstrap.manifest_file._LOOK_S", 0.01)
    life.file.start()
    life.edit("[automation.old]", "[automation.new]", looks=0)
    wait_for(lambda: life.said)
    assert life.said == [f"in force from {FILE}: new new; gone old"]
