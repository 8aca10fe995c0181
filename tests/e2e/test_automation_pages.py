"""The pages of automations, runs, logins and data in a browser: readable by all, on a phone, and while a log grows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.builders_automation import a_script
from tests.builders_console import Served, a_desk, served
from tests.e2e.test_acts import OPEN_ALL, SMALL
from tests.e2e.test_overview import enter, overflow, violations

from steersman.automation.events import RUN_FINISHED, RUN_SKIPPED, RUN_STARTED, RunFinished, RunSkipped, RunStarted
from steersman.automation.queries import recent_runs
from steersman.bootstrap.engines import manifest_of, open_engine
from steersman.ledger import new_event
from steersman.services.events import DATA_PULLED, DATA_REFUSED, DATA_SERVED, DataPulled, DataRefused, DataServed

pytestmark = pytest.mark.e2e

TOML = """
[desk]
name = "Test desk"
tz = "UTC"
[automation.fetch_prices_of_every_exchange_there_is]
run = "automations/fetch.sh"
schedule = "*/15 * * * *"
[automation.report]
run = "sh -c 'exit 3'"
needs = ["fetch_prices_of_every_exchange_there_is"]
[automation.backup]
run = "true"
schedule = "0 2 * * *"
[pull.bars]
url = "https://example.com/bars.csv"
ttl = "15m"
stale_while_revalidate = "1h"
stale_if_error = "1d"
"""
FETCH = """
echo data > "$STEERSMAN_ARTIFACTS/prices.csv"
echo '::result {"rows": 3}'
"""
FETCHES = "fetch_prices_of_every_exchange_there_is"
HOUR = 3_600_000_000_000


def a_start(run_id: str, automation: str, at: int, log: str) -> RunStarted:
    return RunStarted(
        run_id=run_id, automation=automation, cause="schedule", attempt=1, pid=1, boot_id="b", scheduled_at=at,
        lateness_s=0.0, command="x", log=log, at=at,
    )  # fmt: skip


@pytest.fixture
def ran(tmp_path: Path) -> Iterator[Served]:
    """Serve a desk with runs of all kinds, one that goes on, and data that came, was saved and was refused."""
    root = tmp_path / "desk"
    a_script(root, "fetch.sh", FETCH)
    desk = a_desk(root, text=TOML)
    engine = open_engine(desk, kind="memory", actor="person:cli")
    try:
        engine.start(manifest_of(desk.workspace), schedules=False)
        engine.run_now("report", anyway=True)
    finally:
        engine.close()
    now = desk.clock.now_ns()
    log = ".steersman/runs/backup/backup-1/attempt-1.log"
    (root / log).parent.mkdir(parents=True)
    (root / log).write_text("first line\n")
    pulled = DataPulled(
        pull="bars", key="k", source="https://x.com/bars.csv", etag="", size_bytes=900, upstream_bytes=900, rows=9,
        content_hash="ab" * 32, schema_version="1", checks={"rows": "9"}, upstream_calls=1, revalidated=False,
        why="cold", waited=0, took_ms=9.0, who="automation:report", run_id="", at=now - HOUR,
    )  # fmt: skip
    kept = DataServed(
        pull="bars", key="k", state="fresh", age_s=1.0, size_bytes=900, content_hash="ab", who="automation:backup",
        run_id="", at=now, count=12,
    )  # fmt: skip
    refused = DataRefused(
        pull="bars", key="k", source="s", problems=("column close: below min = 0 in row 3: -1",),
        quarantined="20261130T184736-bars", schema_version="1", at=now,
    )  # fmt: skip
    skipped = RunSkipped(automation="backup", reason="outside its window", scheduled_at=now - HOUR, at=now - HOUR)
    said = [
        (RUN_SKIPPED, "automation/backup", skipped),
        (RUN_STARTED, "run/backup-1", a_start("backup-1", "backup", now - HOUR // 2, log)),
        (DATA_PULLED, "pull/bars", pulled),
        (DATA_SERVED, "pull/bars", kept),
        (DATA_REFUSED, "pull/bars", refused),
    ]
    desk.ledger.append([new_event(kind, stream=s, data=data, actor="desk", now_ns=now) for kind, s, data in said])
    with served(desk) as here:
        yield here


def pages(here: Served) -> list[str]:
    here.desk.refresh()
    runs = [f"/runs/{run.run_id}" for run in recent_runs(here.desk.db)]
    names = [f"/automations/{a.name}" for a in manifest_of(here.desk.workspace)]
    return ["/automations", "/automations?span=7d", *names, *runs, "/shared"]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_serious_on_them(browser: Browser, ran: Served, theme: Any) -> None:
    context = browser.new_context(color_scheme=theme, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    enter(page, ran)
    for path in ("/automations", f"/automations/{FETCHES}", "/runs/backup-1", "/shared"):
        page.goto(ran.url + path)
        page.evaluate(OPEN_ALL)
        assert violations(page, "serious", "critical") == [], path
    context.close()


def test_on_a_phone_nothing_overflows_and_everything_can_be_hit(browser: Browser, ran: Served) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    enter(page, ran)
    for path in pages(ran):
        page.goto(ran.url + path)
        assert overflow(page) == 0, path
        assert page.evaluate(SMALL) == [], path
    context.close()


def test_the_bars_of_a_lane_lie_in_the_page_and_lead_to_their_run(page: Page, ran: Served) -> None:
    enter(page, ran, "/automations")
    lane = page.locator(".lane-row", has_text="report").locator("svg a").last
    lane.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("report")
    page.get_by_role("link", name="fetch_prices_of_every_exchange_there_is").click()
    expect(page.locator("[data-fragment=files]")).to_contain_text("prices.csv")
    with page.expect_download() as download:
        page.get_by_role("link", name="prices.csv").click()
    assert Path(download.value.path()).read_text() == "data\n"


def test_a_log_grows_on_the_page_stands_while_it_is_held_and_ends_with_the_run(page: Page, ran: Served) -> None:
    log = ran.desk.workspace.root / ".steersman/runs/backup/backup-1/attempt-1.log"
    enter(page, ran, "/runs/backup-1")
    shown = page.locator("pre.log")
    expect(shown).to_have_text("first line\n")
    with log.open("a") as file:
        file.write("second <b>line</b> größer\n")
    expect(shown).to_contain_text("second <b>line</b> größer")
    page.get_by_role("button", name="Pause").click()
    with log.open("a") as file:
        file.write("third line\n")
    ran.add(DATA_SERVED, DataServed(
        pull="bars", key="k", state="fresh", age_s=1.0, size_bytes=9, content_hash="ab", who="x", run_id="",
        at=ran.desk.clock.now_ns(),
    ))  # fmt: skip
    expect(page.locator("body")).to_have_attribute("data-events", str(ran.desk.ledger.head().pos))
    expect(shown).not_to_contain_text("third line")
    page.get_by_role("button", name="Go on").click()
    expect(shown).to_contain_text("third line")
    ended = RunFinished(
        run_id="backup-1", automation="backup", status="succeeded", attempt=1, exit_code=0, wall_s=1.0, cpu_s=0.1,
        peak_rss_bytes=1, log=str(log.relative_to(ran.desk.workspace.root)), log_bytes=9, log_truncated_bytes=0,
        artifacts=(), result=None, error="", will_retry=False, at=ran.desk.clock.now_ns(),
    )  # fmt: skip
    ran.add(RUN_FINISHED, ended)
    expect(page.locator("[data-fragment=run-title]")).to_contain_text("succeeded")
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    expect(shown).to_contain_text("third line")
