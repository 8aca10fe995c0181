"""The pages of automations, runs, logins and data: what is on them, and what must not be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.builders_automation import a_script
from tests.builders_console import Served, a_desk, served

from steersman.automation.events import RUN_STARTED, RunStarted
from steersman.automation.queries import recent_runs
from steersman.bootstrap.engines import manifest_of, open_engine
from steersman.console.automations import LOG_BYTES, end_of
from steersman.ledger import new_event
from steersman.services.events import LEASE_GRANTED, LeaseGranted

TOML = """
[desk]
name = "Test desk"
tz = "UTC"
[automation.prices]
run = "automations/prices.sh"
schedule = "*/15 * * * *"
window = "09:00-17:30"
[automation.report]
run = "sh -c 'exit 3'"
needs = ["prices"]
[provider.bank]
kind = "api_key"
key = "env:NO_SUCH_KEY_ANYWHERE"
[pull.bars]
url = "https://example.com/bars.csv"
format = "csv"
"""
SCRIPT = r"""
echo '<script>alert(1)</script>'
printf '\033[31mred\n'
echo '::result {"rows": 3}'
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Served]:
    """Serve a desk on which two automations have run once."""
    a_script(tmp_path / "desk", "prices.sh", SCRIPT)
    desk = a_desk(tmp_path / "desk", text=TOML)
    engine = open_engine(desk, kind="memory", actor="person:cli")
    try:
        engine.start(manifest_of(desk.workspace), schedules=False)
        engine.run_now("report", anyway=True)
    finally:
        engine.close()
    with served(desk) as found:
        yield found


def page(here: Served, path: str) -> str:
    status, _, text = here.ask("GET", path, cookie=here.cookie())
    assert status == 200, text
    return text


def test_the_automations_show_how_each_went_and_when_it_comes_next(here: Served) -> None:
    text = page(here, "/automations")
    for part in ("prices", "100% of 1", "report", "0% of 1", "starts after prices", "<svg", "ended with exit code 3"):
        assert part in text
    assert "within 09:00-17:30" in text


def test_a_run_shows_its_figures_its_result_and_its_output_as_text(here: Served) -> None:
    run_id = runs_of(here)["prices"]
    text = page(here, f"/runs/{run_id}")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>alert" not in text
    assert "\x1b" not in text
    assert "rows: 3" in text
    assert "data-tail" not in text, "a run that has ended is not asked for again"


def test_a_run_that_still_runs_is_looked_at_again(here: Served) -> None:
    run = RunStarted(
        run_id="prices-1", automation="prices", cause="manual", attempt=1, pid=1, boot_id="b", scheduled_at=None,
        lateness_s=None, command="x", log=".steersman/runs/prices/prices-1/attempt-1.log", at=here.desk.clock.now_ns(),
    )  # fmt: skip
    here.desk.ledger.append([new_event(RUN_STARTED, stream="run/prices-1", data=run, actor="desk", now_ns=run.at)])
    text = page(here, "/runs/prices-1")
    assert 'data-tail="/runs/prices-1/tail?attempt=1" data-after="0"' in text
    assert "The log is gone" not in text, "it may come yet"


def test_there_is_a_page_for_a_run_that_is_not_there(here: Served) -> None:
    status, _, text = here.ask("GET", "/runs/nothing", cookie=here.cookie())
    assert status == 404
    assert "There is no run nothing" in text


def test_logins_and_data_are_shown_with_what_sharing_saved(here: Served) -> None:
    now = here.desk.clock.now_ns()
    for n in range(3):
        lease = LeaseGranted(
            lease_id=f"l{n}", provider="bank", token_id="t", who=f"automation:a{n}", run_id="", expires_at=now, at=now
        )
        here.desk.ledger.append(
            [new_event(LEASE_GRANTED, stream="provider/bank", data=lease, actor="desk", now_ns=now)]
        )
    text = page(here, "/shared")
    for part in ("bank", "3 leases", "bars", "automation:a1", "sharing saved 3 logins"):
        assert part in text


def test_a_stranger_sees_none_of_it(here: Served) -> None:
    for path in ("/automations", "/shared", f"/runs/{runs_of(here)['prices']}"):
        status, _, text = here.ask("GET", path)
        assert status in (303, 401)
        assert "prices" not in text


def test_only_the_end_of_a_long_log_is_shown_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"a" * LOG_BYTES + b"end")
    log = end_of(tmp_path / "log")
    assert (log.before, log.text[-3:], len(log.text)) == (3, "end", LOG_BYTES)
    (tmp_path / "link").symlink_to(tmp_path / "log")
    assert end_of(tmp_path / "link").gone
    assert end_of(tmp_path / "nothing").gone


def runs_of(here: Served) -> dict[str, str]:
    here.desk.refresh()
    return {run.automation: run.run_id for run in recent_runs(here.desk.db)}
