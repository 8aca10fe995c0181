"""The whole way: a workspace, real receivers, the threads of a desk, the commands; and no secret left behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.builders_automation import wait_for
from tests.builders_cli import Said
from tests.builders_notices import failed
from tests.local_server import LocalServer, Reply

from steersman.bootstrap.deadlines import watching_deadlines
from steersman.bootstrap.desk import open_desk
from steersman.bootstrap.notices import heartbeat, telling
from steersman.bootstrap.served import served
from steersman.bootstrap.workspace import load_workspace
from steersman.kernel.clock import FakeClock
from steersman.services.notices import HeartbeatSettings
from steersman.services.notices.events import HEARTBEAT_FAILED

SECRET = "planted-s3cr3t"
TOML = """
[desk]
name = "Desk"
[console]
url = "https://desk.example.com/base/"
[automation.prices]
run = "true"
schedule = "0 6 * * *"
deadline = "45m"
[notify.ops]
kind = "webhook"
url = "env:OPS"
secret = "env:KEY"
[notify.phone]
kind = "apprise"
url = "env:PHONE"
severity = { run_failed = "critical" }
"""


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer(lambda _: Reply()) as found:
        yield found


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: LocalServer) -> Path:
    (tmp_path / "steersman.toml").write_text(TOML)
    monkeypatch.setenv("OPS", f"{server.url}/ops/{SECRET}")
    monkeypatch.setenv("PHONE", f"{server.url}/phone/{SECRET}".replace("http", "json"))
    monkeypatch.setenv("KEY", SECRET)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.fixture
def said(root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    monkeypatch.chdir(root)
    return Said(capsys, "notify", columns=80)


def everything_below(root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())


def test_a_desk_tells_every_target_while_it_runs_and_an_edit_begins_another(root: Path, server: LocalServer) -> None:
    spoken: list[str] = []
    with (
        closing(open_desk(root)) as desk,
        telling(desk, say=spoken.append),
        watching_deadlines(desk, say=spoken.append),
    ):
        wait_for(lambda: _begun(root) == 2)
        failed(desk.ledger)
        wait_for(lambda: {a.path.split("/")[1] for a in server.asked} == {"ops", "phone"})
        ops = next(a for a in server.asked if a.path.startswith("/ops")).json
        assert ops["title"] == "prices failed: ended with exit code 1"
        assert ops["link"] == "https://desk.example.com/base/runs/prices-1"
        (root / "tell.sh").write_text("cat > told")
        (root / "steersman.toml").write_text(TOML + '[notify.script]\nkind = "command"\nrun = "tell.sh"\n')
        desk.workspace = load_workspace(root)
        wait_for(lambda: _begun(root) == 3)
        failed(desk.ledger, "news")
        wait_for((root / "told").exists)
    assert spoken == []
    assert SECRET.encode() not in everything_below(root)


def _begun(root: Path) -> int:
    return len(list((root / ".steersman" / "notices").glob("*.json")))


def test_test_says_what_came_back_and_list_remembers_it(
    said: Said, capsys: pytest.CaptureFixture[str], server: LocalServer, root: Path
) -> None:
    assert said("test") == 0
    assert "ops: sent, answered 200" in said.out
    assert "phone: sent, json took it" in said.out
    assert {a.path.split("/")[1] for a in server.asked} == {"ops", "phone"}
    server.respond = lambda _: Reply(status=500)
    assert said("test", "ops") == 1
    assert "ops: did not arrive: env:OPS answered 500" in said.out.replace("\n", " ")
    rows = {row["target"]: row for row in said.json("list")}
    assert rows["ops"]["problem"] == "env:OPS answered 500"
    assert (rows["ops"]["sent"], rows["ops"]["given_up"], rows["phone"]["problem"]) == (1, 0, "")
    assert said("list") == 0
    status = Said(capsys, "status", columns=80)
    assert status.json()["untold"] == {"ops": "env:OPS answered 500"}
    assert status() == 0
    assert "did not arrive: env:OPS answered 500" in status.out
    assert SECRET.encode() not in everything_below(root)
    assert said("test", "opps") == 2
    assert "did you mean ops?" in said.err


def test_the_heart_beats_at_its_address_while_a_core_takes_events(
    root: Path, server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HC", f"{server.url}/ping/{SECRET}")
    spoken: list[str] = []
    clock = FakeClock()
    with closing(open_desk(root, clock=clock)) as alone:
        beat = heartbeat(alone, "ops", HeartbeatSettings(url="env:HC", every="1m"), say=spoken.append)
        beat.tick()
        assert server.asked == []
        assert spoken == ["heartbeat ops is silent: the core does not answer, or takes no events"]
    with (
        served(root / ".steersman" / "ledger.db", root / ".steersman" / "core.sock"),
        closing(open_desk(root, clock=clock, through_core=True)) as desk,
    ):
        failed(desk.ledger)
        beat = heartbeat(desk, "ops", HeartbeatSettings(url="env:HC", every="1m"), say=spoken.append)
        before = desk.ledger.head().pos
        beat.tick()
        assert [(a.method, a.path) for a in server.asked] == [("GET", f"/ping/{SECRET}")]
        assert desk.ledger.head().pos == before
        server.respond = lambda _: Reply(status=404)
        clock.advance(60)
        beat.tick()
        assert [e.type for e in desk.ledger.read(after=before)] == [HEARTBEAT_FAILED]
    assert SECRET not in "".join(spoken)
    assert SECRET.encode() not in everything_below(root)


def test_preview_tells_a_past_without_sending_anything(said: Said, server: LocalServer, root: Path) -> None:
    with closing(open_desk(root)) as desk:
        for n in range(40):
            failed(desk.ledger, f"job{n}")
    found = {one["target"]: one for one in said.json("preview", "--since", "2d")}
    assert (found["ops"]["happenings"], found["ops"]["busiest_hour"]) == (40, 15)
    assert (found["phone"]["happenings"], found["phone"]["busiest_hour"]) == (40, 20)
    assert sum(found["ops"]["days"].values()) == found["ops"]["messages"]
    assert said("preview", "ops", "--since", "2d") == 0
    assert "[notify.ops]: 40 things to tell in 2d" in said.out
    assert said("preview", "--since", "yesterday") == 2
    assert server.asked == []


def test_rules_say_what_each_target_makes_of_them(said: Said) -> None:
    found = said.json("rules")
    rules = {rule["rule"]: rule for rule in found["rules"]}
    assert rules["run_failed"]["targets"] == {"ops": "warn", "phone": "critical"}
    assert rules["clock_jumped"]["targets"] == {"ops": "off", "phone": "off"}
    assert said("rules") == 0


def test_doctor_says_whether_anybody_is_told(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor = Said(capsys, "doctor")

    def found() -> dict[str, str]:
        return {d["name"]: f"{d['level']}: {d['found']}" for d in doctor.json("--dir", str(root))}

    assert found()["notify ops"] == "warn: was never told anything yet"
    monkeypatch.delenv("OPS")
    assert found()["notify ops"] == "fail: the environment variable OPS is not set"
    (root / "steersman.toml").write_text("")
    assert found()["notify"] == "warn: nobody is told when something breaks"
