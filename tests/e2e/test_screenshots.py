"""The pictures of README and docs, taken from real runs of two desks: STEERSMAN_SCREENSHOTS=1 writes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.builders_console import Served, served
from tests.builders_core import running
from tests.builders_vendor import EXAMPLE, AVendor

from steersman.bootstrap.desk import open_desk
from steersman.cli.main import run as typed
from steersman.console.token import read_or_create

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        os.environ.get("STEERSMAN_SCREENSHOTS") != "1" and os.environ.get("STEERSMAN_REQUIRE_ALL") != "1",
        reason="set STEERSMAN_SCREENSHOTS=1 to run the demo and renew the pictures in docs/images",
    ),
]

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WRITE = os.environ.get("STEERSMAN_SCREENSHOTS") == "1"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Run the demo to its end and serve its workspace."""
    folder = tmp_path_factory.mktemp("demo") / "desk"
    command = [sys.executable, "-m", "steersman.cli", "demo", "--once", "--json", "--dir", str(folder)]
    shown = subprocess.run(command, check=True, capture_output=True, text=True, timeout=240).stdout
    assert json.loads(shown)["ledger"]["verified"]
    opened = open_desk(folder)
    with served(opened, token=read_or_create(opened.workspace.console_token)) as here:
        yield here


@pytest.mark.parametrize(("name", "width", "height"), [("overview-dark", 1440, 900), ("overview-phone", 390, 844)])
def test_the_demo_looks_as_in_the_readme(
    browser: Browser, demo: Served, tmp_path: Path, name: str, width: int, height: int
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark", reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(f"{demo.url}/login?token={demo.token}")
    page.wait_for_selector("html[data-drawn]", state="attached")
    expect(page.locator("#live-word")).to_have_text("live")
    expect(page.locator("[data-fragment=verdicts] .row")).to_have_count(5)
    page.screenshot(path=(IMAGES if WRITE else tmp_path) / f"{name}.png")
    context.close()


def test_what_scripts_did_looks_as_in_the_docs(browser: Browser, demo: Served, tmp_path: Path) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark", reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{demo.url}/login?token={demo.token}")
    page.goto(f"{demo.url}/automations")
    page.wait_for_selector("html[data-drawn]", state="attached")
    expect(page.locator("#live-word")).to_have_text("live")
    expect(page.locator(".lane-name", has_text="backup_ledger")).to_be_visible()
    page.screenshot(path=(IMAGES if WRITE else tmp_path) / "automations-dark.png")
    context.close()


@pytest.fixture
def shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Serve the example of before and after, once its scripts have run and the vendor has sent a price that is none."""
    monkeypatch.syspath_prepend(EXAMPLE)
    monkeypatch.setenv("VENDOR_SECRET", "open-sesame")
    vendor = AVendor()
    vendor.start()
    folder = tmp_path / "shared"
    try:
        vendor.copy(folder)
        with (folder / "after" / "steersman.toml").open("a", encoding="utf-8") as file:
            file.write('\n[automation.quotes_anew]\nrun = "steersman pull quotes --max-age 0s"\n')
        for name in ("watchlist", "risk_check", "stop_watch", "news_digest", "morning_report"):
            assert typed("auto", ["run", name, "--dir", str(folder / "after")]) == 0
        vendor.makes_trouble("prices")
        assert typed("auto", ["run", "quotes_anew", "--dir", str(folder / "after")]) == 1
    finally:
        vendor.stop()
    opened = open_desk(folder / "after")
    with served(opened, token=read_or_create(opened.workspace.console_token)) as here:
        yield here


def test_what_scripts_share_looks_as_in_the_docs(browser: Browser, shares: Served, tmp_path: Path) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 760}, color_scheme="dark", reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{shares.url}/login?token={shares.token}")
    page.goto(f"{shares.url}/shared")
    page.wait_for_selector("html[data-drawn]", state="attached")
    expect(page.locator("#live-word")).to_have_text("live")
    expect(page.locator("[data-fragment=quarantine]")).to_contain_text("column last: below min")
    page.locator("[data-key=receipt-positions] summary").click()
    page.screenshot(path=(IMAGES if WRITE else tmp_path) / "shared-dark.png")
    context.close()


def test_a_piece_with_its_findings_looks_as_in_the_guide(browser: Browser, demo: Served, tmp_path: Path) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark", reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{demo.url}/login?token={demo.token}")
    page.goto(f"{demo.url}/content/content/scripts-fail-quietly.md")
    page.wait_for_selector("html[data-drawn]", state="attached")
    expect(page.locator("#live-word")).to_have_text("live")
    expect(page.get_by_text("SpellCheck")).to_be_visible()
    page.screenshot(path=(IMAGES if WRITE else tmp_path) / "piece-dark.png")
    context.close()


def test_the_pages_of_acts_look_as_in_the_docs(browser: Browser, tmp_path: Path) -> None:
    """Take the inbox on a phone, an order that a person approved, and a halt that was obeyed."""
    to = IMAGES if WRITE else tmp_path
    with running(tmp_path / "desk") as core:
        core.signal("breakout-1", quantity=60)
        core.signal("breakout-2", quantity=400)
        resting = core.signal("dip-1", quantity=20, limit_price=Decimal(96))
        assert core.order_of(resting).is_open
        context = browser.new_context(
            viewport={"width": 390, "height": 844}, color_scheme="dark", reduced_motion="reduce"
        )
        page = context.new_page()
        page.goto(f"{core.served.url}/login?token={core.served.token}")
        page.goto(f"{core.served.url}/inbox")
        page.wait_for_selector("html[data-drawn]", state="attached")
        expect(page.locator("#live-word")).to_have_text("live")
        expect(page.get_by_role("article")).to_have_count(2)
        page.screenshot(path=to / "inbox-phone.png")
        page.set_viewport_size({"width": 1440, "height": 900})
        page.get_by_role("article", name="buy 60 IBM").get_by_text("Approve …").click()
        page.get_by_label("Why").nth(2).fill("the breakout is real")
        page.get_by_role("button", name="Yes, approve: buy 60 IBM").click()
        page.locator("[data-fragment=hold-title] a").click()
        expect(page.locator("[data-fragment=life]")).to_contain_text("after the approval")
        expect(page.locator("#live-word")).to_have_text("live")
        page.screenshot(path=to / "order-dark.png")
        page.keyboard.press("h")
        page.get_by_role("dialog").get_by_label("Why").fill("odd fills at the open")
        page.get_by_role("button", name="Halt now").click()
        expect(page.get_by_role("article", name="everything")).to_contain_text("asked to end within")
        expect(page.locator("#live-word")).to_have_text("live")
        page.screenshot(path=to / "halts-dark.png")
        context.close()
