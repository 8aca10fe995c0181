"""The overview as a person meets it: signing in, reading it on any screen, and watching it change."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from tests.builders_console import DAY, START, Served
from tests.builders_trading_ledger import a_mark, a_verdict

from steersman.policy.store import halt_event
from steersman.trading import events as e

pytestmark = pytest.mark.e2e

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
DRAWN = "html[data-drawn]"
BUDGET = 260_000


def enter(page: Page, desk: Served, path: str = "/") -> None:
    """Sign in with the link of the terminal, and wait until the chart is drawn."""
    page.goto(f"{desk.url}/login?token={desk.token}")
    page.wait_for_selector(DRAWN, state="attached")
    if path != "/":
        page.goto(desk.url + path)
        page.wait_for_selector(DRAWN, state="attached")


def violations(page: Page, *impacts: str) -> list[tuple[str, list[str]]]:
    """Return what axe finds on a page: the rule, and each place with what is wrong there; of `impacts`, or of any."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations)")
    return [
        (v["id"], [n["html"][:120] + " " + n["failureSummary"][:200] for n in v["nodes"]])
        for v in found
        if not impacts or v["impact"] in impacts
    ]


def overflow(page: Page) -> int:
    found: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return found


def test_a_stranger_has_to_sign_in_and_a_wrong_token_does_not_help(page: Page, desk: Served) -> None:
    page.goto(desk.url)
    assert page.url == f"{desk.url}/login"
    page.fill("#token", desk.token)
    page.keyboard.press("Enter")
    page.wait_for_selector(DRAWN, state="attached")
    assert page.url == f"{desk.url}/"
    page.click("[data-do=logout]")
    page.wait_for_url(f"{desk.url}/login")
    page.goto(desk.url)
    assert page.url == f"{desk.url}/login"


def test_a_wrong_token_is_answered_in_words(context: BrowserContext, desk: Served) -> None:
    page = context.new_page()  # the browser itself reports the 403, so this page may
    page.goto(f"{desk.url}/login")
    page.fill("#token", "wrong")
    page.click("text=Sign in >> nth=-1")
    expect(page.get_by_role("alert")).to_have_text("That is not the token of this desk.")
    page.goto(desk.url)
    assert page.url == f"{desk.url}/login"


def test_the_page_answers_the_four_questions_and_draws_the_chart(page: Page, desk: Served) -> None:
    enter(page, desk)
    for question in ("Is anything wrong?", "What waits for me?", "Are we on target?", "What changed?"):
        expect(page.get_by_role("heading", name=question)).to_be_visible()
    assert page.get_attribute("#chart", "data-points") == "30"
    assert page.locator("#chart canvas").count() > 0
    expect(page.locator("#legend-note")).to_have_text("· 1 fills here")
    expect(page.locator("#live-word")).to_have_text("live")
    assert page.evaluate("document.fonts.check('14px Inter')")


def test_new_events_appear_without_a_reload(page: Page, desk: Served) -> None:
    enter(page, desk)
    page.evaluate("window.stayed = true")
    page.locator("details[data-key=kpis]").evaluate_all("(found) => found.forEach((d) => { d.open = true; })")
    desk.add(e.ACCOUNT_MARKED, a_mark(at=START + 40 * DAY, equity="123456.78", prices={"IBM": Decimal(150)}))
    desk.add(e.VERDICT_GIVEN, a_verdict("fresh", outcome="adjust", at=START + 40 * DAY))
    expect(page.locator("[data-fragment=equity]")).to_contain_text("123,456.78")
    expect(page.locator("[data-fragment=verdicts] .status-adjust").first).to_be_visible()
    expect(page.locator("#chart")).to_have_attribute("data-points", "31")
    halt = halt_event("all", reason="a test", actor="person:test", now_ns=desk.desk.clock.now_ns())
    desk.desk.ledger.append([halt])
    expect(page.locator("[data-fragment=halt]")).to_contain_text("halted: all")
    expect(page.locator("[data-fragment=signs]")).to_contain_text("1 problem")
    assert page.evaluate("window.stayed") is True


def test_a_hidden_tab_pauses_its_stream_and_catches_up(page: Page, desk: Served) -> None:
    enter(page, desk)
    hide = """(hidden) => {
        Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    page.evaluate(hide, True)
    expect(page.locator("#live-word")).to_have_text("paused")
    desk.add(e.ACCOUNT_MARKED, a_mark(at=START + 41 * DAY, equity="98765.43"))
    page.evaluate(hide, False)
    expect(page.locator("#live-word")).to_have_text("live")
    expect(page.locator("[data-fragment=equity]")).to_contain_text("98,765.43")


def test_keys_switch_the_theme_show_help_and_walk_what_waits_and_the_verdicts(page: Page, desk: Served) -> None:
    enter(page, desk)
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(background) == "rgb(11, 13, 18)"
    page.keyboard.press("t")
    assert page.evaluate(background) == "rgb(246, 247, 249)"
    page.reload()
    assert page.evaluate(background) == "rgb(246, 247, 249)"
    page.wait_for_selector(DRAWN, state="attached")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{desk.url}/inbox/trade/s3")
    page.go_back()
    page.wait_for_selector(DRAWN, state="attached")
    page.locator("[data-fragment=verdicts] [data-row]").first.focus()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{desk.url}/verdicts/s1")
    expect(page.get_by_role("heading", level=1)).to_have_text("buy 10 IBM")
    assert page.locator(".waterfall tbody tr").count() == 4


def test_the_page_follows_the_system_when_nobody_chose(browser: Browser, desk: Served) -> None:
    context = browser.new_context(color_scheme="light")
    page = context.new_page()
    enter(page, desk)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(246, 247, 249)"
    context.close()


@pytest.mark.parametrize("width", [360, 768, 1024, 1440])
def test_nothing_overflows_sideways(page: Page, desk: Served, width: int) -> None:
    desk.add(e.VERDICT_GIVEN, a_verdict("w" * 80, strategy="a_name_longer_than_a_column", failed=("LOT",) * 30))
    page.set_viewport_size({"width": width, "height": 780})
    enter(page, desk)
    assert overflow(page) == 0
    for path in ("/verdicts/file%3Ain%2Ftwo", "/verdicts/" + "w" * 80, "/about"):
        page.goto(desk.url + path)
        assert overflow(page) == 0, path


def test_a_thumb_hits_every_target_on_a_phone(page: Page, desk: Served) -> None:
    page.set_viewport_size({"width": 360, "height": 780})
    enter(page, desk)
    for path in ("/", "/verdicts/file%3Ain%2Ftwo", "/about"):
        page.goto(desk.url + path)
        small = page.evaluate(
            """() => [...document.querySelectorAll('button, nav a, a.row, a.brand, .crumb a, summary')]
                .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 44)
                .map((e) => e.outerHTML.slice(0, 80))"""
        )
        assert small == [], path
    expect(page.get_by_role("navigation", name="Sections")).to_be_visible()


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("path", ["/", "/verdicts/file%3Ain%2Ftwo", "/about"])
def test_axe_finds_nothing_serious(browser: Browser, desk: Served, theme: Any, path: str) -> None:
    context = browser.new_context(color_scheme=theme, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    enter(page, desk, path)
    found = violations(page, "serious", "critical")
    context.close()
    assert found == []


def test_a_cold_start_transfers_less_than_the_budget(browser: Browser, desk: Served) -> None:
    context = browser.new_context()
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda message: sizes.append(message["encodedDataLength"]))
    enter(page, desk)
    expect(page.locator("#live-word")).to_have_text("live")
    context.close()
    assert len(sizes) >= 5
    assert sum(sizes) < BUDGET, f"{sum(sizes):,.0f} bytes in {len(sizes)} requests"
