"""The pictures of the README, taken from a real run of the demo: STEERSMAN_SCREENSHOTS=1 writes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.builders_console import Served, served

from steersman.bootstrap.desk import open_desk
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
