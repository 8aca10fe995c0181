"""Automations operated from the console and by programs: who may do what, and what comes of it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from tests.builders_automation import wait_for
from tests.builders_console import Served, a_desk, served

from steersman.automation.queries import find_run
from steersman.bootstrap.operating import register
from steersman.console.token import read_or_create
from steersman.ledger.adapters.sqlite import create as sqlite_ledger

TOML = """
[desk]
name = "Night desk"
tz = "UTC"

[automation.slow]
run = "sh -c 'sleep 300 & wait'"
schedule = "0 6 * * *"

[automation.login]
run = "sh -c 'test -e ok'"

[automation.report]
run = "sh -c 'echo {days}; test {days} = 9'"
needs = ["login"]
params = { days = 5 }
approve = true
"""


class Desk:
    """A served desk and the ways in."""

    def __init__(self, here: Served) -> None:
        self.here = here
        self.cookie = here.cookie()
        self.csrf = here.csrf(self.cookie)
        self.bearer = f"Bearer {read_or_create(here.desk.workspace.api_token)}"

    @property
    def root(self) -> Path:
        return self.here.desk.workspace.root

    def _send(self, method: str, path: str, body: bytes, **headers: str) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.here.port, timeout=30)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def form(self, path: str, **fields: str) -> str:
        """Send a form of a page and return where it leads, or what it says."""
        status, headers, text = self._send(
            "POST",
            path,
            urlencode({"csrf": self.csrf, **fields}).encode(),
            cookie=self.cookie,
            content_type="application/x-www-form-urlencoded",
            sec_fetch_site="same-origin",
        )
        return headers["location"] if status == 303 else f"{status}: {text}"

    def page(self, path: str) -> str:
        return self._send("GET", path, b"", cookie=self.cookie)[2]

    def program(self, path: str, **body: Any) -> tuple[int, Any]:
        status, _, text = self._send("POST", path, json.dumps(body).encode(), authorization=self.bearer)
        return status, json.loads(text)

    def person(self, path: str, **body: Any) -> tuple[int, Any]:
        status, _, text = self._send(
            "POST", path, json.dumps(body).encode(), cookie=self.cookie, x_csrf_token=self.csrf
        )
        return status, json.loads(text)

    def said(self, *types: str) -> list[tuple[str, str, dict[str, Any]]]:
        return [(e.type, e.actor, msgspec.json.decode(e.data)) for e in self.here.desk.ledger.read(types=types)]

    def ended(self, run_id: str) -> str:
        wait_for(lambda: any(d["run_id"] == run_id for _, _, d in self.said("automation.run.finished")))
        self.page("/automations")
        found = find_run(self.here.desk.db, run_id)
        assert found is not None
        return found.status


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with served(a_desk(tmp_path / "desk", text=TOML)) as here:
        yield Desk(here)


def test_a_run_is_started_watched_cancelled_and_rerun_from_its_pages(desk: Desk) -> None:
    assert "this was not confirmed" in desk.form("/automations/slow/run")
    leads = desk.form("/automations/slow/run", confirmed="yes")
    run_id = leads.rpartition("/")[2]
    assert leads.startswith("/runs/slow-")
    assert "Yes, end it" in desk.page(leads)
    assert f"/runs/{run_id}/cancel" in desk.page("/automations")
    assert "this was not confirmed" in desk.form(f"/runs/{run_id}/cancel")
    assert desk.form(f"/runs/{run_id}/cancel", confirmed="yes", reason="enough", on="//evil.example") == leads
    assert desk.ended(run_id) == "cancelled"
    assert "cancelled by person:console: enough" in desk.page(leads)
    again = desk.form(f"/runs/{run_id}/rerun", confirmed="yes")
    assert again != leads
    assert desk.form(again + "/cancel", confirmed="yes", on="/automations") == "/automations"
    assert "is over: cancelled" in desk.form(again + "/cancel", confirmed="yes")
    assert [actor for _, actor, _ in desk.said("automation.run.started")] == ["person:console"] * 2


def test_a_person_runs_it_with_other_parameters_and_needs_nobodys_approval(desk: Desk) -> None:
    (desk.root / "ok").touch()
    leads = desk.form("/automations/report/run", confirmed="yes", **{"param.days": "9"})
    run_id = desk.said("automation.run.started")[-1][2]["run_id"]
    assert leads in ("/automations/report", f"/runs/{run_id}")
    wait_for(lambda: len(desk.said("automation.run.finished")) == 2)
    assert [d["status"] for _, _, d in desk.said("automation.run.finished")] == ["succeeded"] * 2
    assert "found &#39;x&#39;, allowed: a whole number" in desk.form(
        "/automations/report/run", confirmed="yes", **{"param.days": "x"}
    )


def test_what_is_paused_says_so_and_is_resumed_there(desk: Desk) -> None:
    assert desk.form("/automations/pause", name="login", until="06:00", reason="<b>down</b>") == "/automations/login"
    page = desk.page("/automations/login")
    assert "paused by person:console since" in page
    assert "&lt;b&gt;down&lt;/b&gt;" in page
    assert "<b>down</b>" not in page
    assert "needs login, which is paused" in desk.page("/automations/report")
    assert "report needs login, which is paused" in desk.form("/automations/report/run", confirmed="yes")
    assert desk.form("/automations/resume", name="login") == "/automations/login"
    assert "this was not confirmed" in desk.form("/automations/pause", name="*")
    assert desk.form("/automations/pause", name="*", confirmed="yes") == "/automations"
    assert "Nothing starts: paused with all others by person:console" in desk.page("/automations")
    assert desk.form("/automations/resume", name="*") == "/automations"
    assert "404: " in desk.form("/automations/pause", name="nobody")
    assert "is no time" in desk.form("/automations/pause", name="login", until="soon")


def test_a_program_may_stop_and_start_things_but_not_lift_a_pause(desk: Desk) -> None:
    status, said = desk.program("/api/automations/slow/run")
    assert status == 200
    wait_for(lambda: any(not u.waits for u in register(desk.here.desk).living("slow")))
    assert desk.program(f"/api/runs/{said['run_id']}/cancel", reason="a program")[0] == 200
    assert desk.ended(said["run_id"]) == "cancelled"
    assert desk.said("automation.run.cancel_requested")[0][1] == "api"
    status, said = desk.program("/api/automations/slow/pause", span="2h", reason="a program")
    assert (status, list(said["paused"])) == (200, ["slow"])
    assert desk.program("/api/automations/slow/resume")[0] == 403
    assert desk.program("/api/automations/slow/run")[0] == 409
    assert desk.person("/api/automations/slow/resume") == (200, {"paused": {}})
    assert desk.program("/api/automations/nobody/run")[0] == 404
    assert desk.program("/api/runs/nobody/rerun")[0] == 400
    assert desk.program("/api/automations/slow/pause", spam=1)[0] == 400


def test_a_run_that_a_program_asks_for_waits_for_approval_and_can_be_ended_while_it_waits(desk: Desk) -> None:
    (desk.root / "ok").touch()
    status, said = desk.program("/api/automations/report/run")
    assert (status, said["seen"]) == (200, False)
    wait_for(lambda: any("approval" in u.waits for u in register(desk.here.desk).living("report")))
    assert "waits: for approval" in desk.page("/automations")
    assert desk.program(f"/api/runs/{said['run_id']}/cancel")[0] == 200
    assert desk.ended(said["run_id"]) == "cancelled"


def test_what_goes_on_when_the_desk_closes_is_ended_and_recorded(tmp_path: Path) -> None:
    opened = a_desk(tmp_path / "desk", text=TOML)
    with served(opened) as here:
        Desk(here).form("/automations/slow/run", confirmed="yes")
        here_ledger = here.desk.ledger
        wait_for(lambda: list(here_ledger.read(types=("automation.run.started",))))
    ledger = sqlite_ledger(opened.workspace.ledger)
    ends = [msgspec.json.decode(e.data)["status"] for e in ledger.read(types=("automation.run.finished",))]
    ledger.close()
    assert ends == ["cancelled"]
