"""Debian's Chromium, driven by playwright; what a page must never do is recorded for every page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from tests.builders_console import Served, a_desk, served, some_history

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the browser for one file: playwright's event loop runs as long, and other files have loops of their own."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing, no page was looked at: apt-get install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Served]:
    opened = a_desk(tmp_path / "desk")
    some_history(opened)
    with served(opened) as here:
        yield here


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page that fails its test if the browser reports an error or a violation of the policy."""
    made = context.new_page()
    problems: list[str] = []
    made.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    made.on("pageerror", lambda error: problems.append(str(error)))
    made.add_init_script(
        "document.addEventListener('securitypolicyviolation', (v) => console.error('violation', v.violatedDirective))"
    )
    yield made
    assert problems == []
