"""A person acts on trading in a browser: approves, denies, halts, resumes, cancels, replaces, reconciles."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from tests.builders_console import TOML, Served, a_desk, served, some_history
from tests.builders_core import Running, running
from tests.builders_trading_ledger import append
from tests.e2e.test_overview import DRAWN, enter, overflow, violations

from steersman.policy.store import halt_event
from steersman.trading import events as e
from steersman.trading import queries

pytestmark = pytest.mark.e2e

LIVE = """
[venue.broker]
kind = "alpaca"
mode = "live"
key = "env:BROKER_KEY"
secret = "env:BROKER_SECRET"
[venue.trial]
kind = "alpaca"
mode = "sandbox"
key = "env:BROKER_KEY"
secret = "env:BROKER_SECRET"
"""
FRAME = """(() => {
    const frame = getComputedStyle(document.body, '::after');
    return frame.borderTopColor + frame.position;
})()"""
OPEN_ALL = """document.querySelectorAll('details').forEach((d) => { d.removeAttribute('name'); d.open = true; })"""
SMALL = """() => [...document.querySelectorAll(
        'button, nav a, a.row, a.brand, a.stop, a.halt, .crumb a, summary, input, select')]
    .filter((e) => e.checkVisibility() && e.type !== 'hidden' && e.getBoundingClientRect().height < 44)
    .map((e) => e.outerHTML.slice(0, 80))"""
PAGES = ("/inbox", "/halts", "/orders", "/signals", "/venues", "/automations", "/shared")


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "desk") as made:
        yield made


def test_an_approved_hold_becomes_an_order_while_one_looks(page: Page, core: Running) -> None:
    signal = core.signal("big", quantity=60)
    enter(page, core.served, "/inbox")
    card = page.get_by_role("article", name="buy 60 IBM")
    expect(card).to_contain_text("APPROVAL")
    expect(card).to_contain_text("0 → 60")
    yes = card.get_by_role("button", name="Yes, approve: buy 60 IBM")
    expect(yes).to_be_hidden()
    card.get_by_text("Approve …").click()
    card.get_by_label("Why").first.fill("the breakout is real")
    yes.click()
    expect(page).to_have_url(f"{core.served.url}/inbox/{quote(e.trade_approval(signal))}")
    expect(page.get_by_role("heading", level=1)).to_have_text("buy 60 IBM")
    expect(page.locator("[data-fragment=hold-title]")).to_contain_text("approved")
    expect(page.locator("[data-fragment=hold-title]")).to_contain_text("checked again: accept")
    expect(page.locator("[data-fragment=hold-facts]")).to_contain_text("the breakout is real")
    order = core.order_of(signal)
    page.get_by_role("link", name=order.order_id).click()
    expect(page.locator("[data-fragment=life]")).to_contain_text("approved by person:console")
    expect(page.locator("[data-fragment=life]")).to_contain_text("after the approval: the gate says accept")
    hold = core.hold(signal)
    assert (hold.status, hold.outcome, hold.answered_by) == ("approved", "accept", "person:console")


def test_an_approval_under_a_halt_is_checked_again_and_refused(page: Page, core: Running) -> None:
    signal = core.signal("big", quantity=60)
    halt = halt_event("instrument:IBM", reason="odd fills", actor="person:test", now_ns=core.desk.clock.now_ns())
    core.desk.ledger.append([halt])
    enter(page, core.served, "/inbox")
    expect(page.get_by_role("article", name="buy 60 IBM")).to_contain_text("instrument:IBM is halted")
    page.get_by_text("Approve …").click()
    page.get_by_role("button", name="Yes, approve").click()
    expect(page.locator("[data-fragment=hold-title]")).to_contain_text("checked again, and refused: HALT")
    hold = core.hold(signal)
    assert (hold.status, hold.outcome, hold.order_id) == ("approved", "reject", None)


def test_a_denied_hold_leaves_the_inbox_with_its_reason(page: Page, core: Running) -> None:
    signal = core.signal("big", quantity=60)
    enter(page, core.served, "/inbox")
    page.get_by_text("Deny …").click()
    page.get_by_label("Why").nth(1).fill("earnings tomorrow")
    page.keyboard.press("Enter")
    expect(page.locator("[data-fragment=hold-title]")).to_contain_text("denied")
    assert core.hold(signal).answer_reason == "earnings tomorrow"
    page.goto(f"{core.served.url}/inbox")
    expect(page.locator("[data-fragment=inbox]")).to_contain_text("No decision is open")
    expect(page.locator("[data-fragment=answered]")).to_contain_text("denied")


def test_a_hold_that_comes_while_one_looks_appears_and_is_counted(page: Page, core: Running) -> None:
    enter(page, core.served, "/inbox")
    page.evaluate("window.stayed = true")
    expect(page.locator("#live-word")).to_have_text("live")
    core.signal("big", quantity=60)
    expect(page.get_by_role("article", name="buy 60 IBM")).to_be_visible()
    expect(page.locator(".links [data-fragment=inbox_count]")).to_contain_text("1")
    assert page.evaluate("window.stayed") is True


def test_what_somebody_is_typing_stays_while_the_page_goes_on(page: Page, core: Running) -> None:
    core.signal("big", quantity=60)
    enter(page, core.served, "/inbox")
    page.get_by_text("Approve …").click()
    field = page.get_by_label("Why").first
    field.fill("because")
    core.signal("more", quantity=110, instrument="MSFT")
    expect(page.locator(".links [data-fragment=inbox_count]")).to_contain_text("2")
    expect(field).to_have_value("because")
    expect(field).to_be_visible()


def test_halt_from_any_page_is_obeyed_and_resume_asks_for_the_scope(page: Page, core: Running) -> None:
    signal = core.signal("resting", quantity=20, limit_price=Decimal(96))
    order = core.order_of(signal)
    assert order.is_open
    enter(page, core.served, f"/orders/{order.order_id}")
    page.keyboard.press("h")
    dialog = page.get_by_role("dialog", name="Halt")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Why").fill("odd fills")
    dialog.get_by_role("button", name="Halt now").click()
    expect(page).to_have_url(f"{core.served.url}/halts")
    card = page.get_by_role("article", name="everything")
    expect(card).to_contain_text("odd fills")
    expect(card).to_contain_text("1 open order asked to end within")
    expect(page.locator("[data-fragment=halt]")).to_contain_text("halted: all")
    assert core.order_of(signal).status == "cancelled"
    card.get_by_text("Resume …").click()
    card.get_by_label("Type all to resume").fill("all")
    card.get_by_role("button", name="Resume all").click()
    expect(page.locator("[data-fragment=halt]")).to_contain_text("no halt")
    expect(page.get_by_text("lifted by person:console")).to_be_visible()


def test_resume_with_another_word_than_the_scope_changes_nothing(context: BrowserContext, core: Running) -> None:
    page = context.new_page()  # the browser itself reports the 400, so this page may
    halt = halt_event("all", reason="odd fills", actor="person:test", now_ns=core.desk.clock.now_ns())
    core.desk.ledger.append([halt])
    enter(page, core.served, "/halts")
    card = page.get_by_role("article", name="everything")
    card.get_by_text("Resume …").click()
    card.get_by_label("Type all to resume").fill("everything")
    card.get_by_role("button", name="Resume all").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("it takes 'all'")
    expect(page.locator("[data-fragment=halt]")).to_contain_text("halted: all")
    assert core.desk.halts.reasons == {"all": "odd fills"}


def test_the_halt_button_is_a_link_to_a_form_without_scripts(browser: Browser, core: Running) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{core.served.url}/login?token={core.served.token}")
    page.get_by_role("link", name="Halt", exact=True).click()
    form = page.get_by_role("region", name="Stop something")
    form.get_by_label("What stops").select_option("strategy:manual")
    form.get_by_role("button", name="Halt now").click()
    expect(page.get_by_role("article", name="strategy:manual")).to_contain_text("halted from the console")
    context.close()
    assert core.desk.halts.reasons == {"strategy:manual": "halted from the console"}


def test_holds_are_answered_and_orders_cancelled_without_scripts(browser: Browser, core: Running) -> None:
    held = core.signal("big", quantity=60)
    resting = core.signal("resting", quantity=20, limit_price=Decimal(96))
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{core.served.url}/login?token={core.served.token}")
    page.goto(f"{core.served.url}/inbox")
    page.get_by_text("Approve …").click()
    page.get_by_role("button", name="Yes, approve: buy 60 IBM").click()
    expect(page.locator("[data-fragment=hold-title]")).to_contain_text("checked again: accept")
    page.goto(f"{core.served.url}/orders/{core.order_of(resting).order_id}")
    page.get_by_text("Cancel …").click()
    page.get_by_role("button", name="Yes, cancel it").click()
    page.wait_for_url(f"{core.served.url}/orders/*")
    context.close()
    assert core.hold(held).outcome == "accept"
    assert core.order_of(resting).cancel_by == "person:console"


def test_an_order_is_cancelled_with_a_second_click(page: Page, core: Running) -> None:
    signal = core.signal("resting", quantity=20, limit_price=Decimal(96))
    enter(page, core.served, "/orders?status=open")
    page.get_by_role("link", name="buy 20 IBM at 96").click()
    expect(page.locator("[data-fragment=life]")).to_contain_text("the venue has it")
    page.get_by_text("Cancel …").click()
    page.get_by_role("button", name="Yes, cancel it").click()
    expect(page.locator("[data-fragment=order-title]")).to_contain_text("cancelled")
    expect(page.locator("[data-fragment=life]")).to_contain_text("cancel asked for")
    expect(page.locator("[data-fragment=order-acts]")).to_contain_text("It is over")
    row = core.order_of(signal)
    assert (row.status, row.cancel_by) == ("cancelled", "person:console")


def test_an_order_is_replaced_by_one_with_another_price(page: Page, core: Running) -> None:
    signal = core.signal("resting", quantity=20, limit_price=Decimal(96))
    old = core.order_of(signal)
    enter(page, core.served, f"/orders/{old.order_id}")
    page.get_by_text("Replace …").click()
    page.get_by_label("limit price").fill("95.5")
    page.get_by_role("button", name="Yes, replace it").click()
    expect(page.locator("[data-fragment=order-title]")).to_contain_text("Replaced by order")
    page.get_by_role("link", name="order s").first.click()
    expect(page.locator("[data-fragment=order-facts]")).to_contain_text("limit 95.5")
    expect(page.locator("[data-fragment=order-title]")).to_contain_text(f"Takes the place of order {old.order_id}")


def test_a_comparison_is_asked_for_and_answered(page: Page, core: Running) -> None:
    enter(page, core.served, "/venues")
    expect(page.get_by_role("article", name="paper")).to_contain_text("simulated")
    page.get_by_role("button", name="Reconcile now").click()
    expect(page.locator("[data-fragment=wish]")).to_contain_text("last asked for by person:console")
    expect(page.get_by_role("article", name="paper")).to_contain_text("the ledger is its memory")


def test_when_the_core_is_away_every_page_says_so_and_nothing_is_recorded(
    context: BrowserContext, tmp_path: Path
) -> None:
    page = context.new_page()  # the browser itself reports the 503, so this page may
    with running(tmp_path / "desk") as made:
        signal = made.signal("big", quantity=60)
        enter(page, made.served, "/inbox")
        made.stop_core()
        before = made.desk.ledger.head().pos
        page.reload()
        expect(page.get_by_role("alert")).to_contain_text("The core does not answer")
        page.goto(made.served.url)
        expect(page.locator("#live-word")).to_have_text("live")
        expect(page.get_by_role("alert")).to_contain_text("The core does not answer")
        expect(page.locator("[data-fragment=signs]")).to_contain_text("the core does not run")
        page.goto(f"{made.served.url}/inbox")
        page.get_by_text("Approve …").click()
        with page.expect_response(lambda r: r.request.method == "POST") as answer:
            page.get_by_role("button", name="Yes, approve").click()
        assert answer.value.status == 503
        expect(page.get_by_role("main")).to_contain_text("Nothing was recorded")
        expect(page.get_by_role("main")).to_contain_text("steersman up")
        assert made.desk.ledger.head().pos == before
        assert made.hold(signal).status == "open"


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Served]:
    """A desk with a live venue, a sandbox, differences, trouble and holds."""
    opened = a_desk(tmp_path / "desk", text=TOML + LIVE)
    some_history(opened)
    difference = e.Difference(
        kind="position",
        subject="IBM",
        instrument="IBM",
        ours="10",
        theirs="12",
        explained="broker holds 12 IBM, the ledger says 10; settling books 2 at their price",
    )
    report = e.Reconciled(
        request_id="r",
        venue="broker",
        reached=True,
        orders=1,
        positions=1,
        differences=(difference,),
        settled=False,
        problem="",
        at=1,
    )
    append(opened.ledger, e.RECONCILED, report)
    failed = e.VenueFailed(venue="trial", doing="asking for reports", problem="no route to host " + "x" * 80, at=1)
    append(opened.ledger, e.VENUE_FAILED, failed)
    with served(opened) as here:
        yield here


def test_a_live_venue_frames_every_page_in_red_and_names_itself(page: Page, real: Served) -> None:
    page.goto(f"{real.url}/login")
    assert page.evaluate(FRAME) == "rgb(229, 53, 43)fixed"
    enter(page, real)
    signs = page.locator("[data-fragment=signs]")
    expect(signs).to_contain_text("2 problems")
    expect(signs).to_contain_text("venue broker differs from the ledger")
    for path in ("/", *PAGES, "/about", "/verdicts/s1"):
        page.goto(real.url + path)
        expect(page.get_by_text("LIVE", exact=True).first).to_be_visible()
        expect(page.locator(".strip-live")).to_contain_text("broker")
        expect(page.locator(".strip-sandbox")).to_contain_text("trial")
        assert page.evaluate(FRAME) == "rgb(229, 53, 43)fixed", path
        assert page.title().startswith("LIVE"), path
    page.goto(f"{real.url}/venues")
    card = page.get_by_role("article", name="broker")
    expect(card).to_contain_text("nobody armed it")
    expect(card).to_contain_text("settling books 2 at their price")
    expect(page.get_by_role("article", name="trial")).to_contain_text("Failing since")


def test_a_desk_without_a_live_venue_has_no_frame(page: Page, core: Running) -> None:
    enter(page, core.served)
    assert page.evaluate("getComputedStyle(document.body, '::after').content") == "none"
    expect(page.locator(".strip-live")).to_have_count(0)


def test_settling_asks_for_the_word(page: Page, real: Served) -> None:
    enter(page, real, "/venues")
    page.get_by_text("Settle …").click()
    page.get_by_label("Type settle").fill("settle")
    page.get_by_role("button", name="Take their word").click()
    expect(page.locator("[data-fragment=wish]")).to_contain_text("settling asked for by person:console")
    wish = queries.reconcile_wish(real.desk.db)
    assert wish is not None
    assert (wish.settle, wish.by) == (True, "person:console")


@pytest.mark.parametrize("width", [360, 768, 1024, 1440])
def test_no_page_of_acts_overflows_sideways(page: Page, real: Served, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 780})
    enter(page, real)
    for path in (*PAGES, "/inbox/trade/s3", "/orders/o1"):
        page.goto(real.url + path)
        page.evaluate(
            "document.querySelectorAll('details').forEach((d) => { d.removeAttribute('name'); d.open = true; })"
        )
        assert overflow(page) == 0, path
        if width == 360:
            assert page.evaluate(SMALL) == [], path


def serious(page: Page) -> list[tuple[str, list[str]]]:
    """Return what axe finds on a page with everything on it opened."""
    page.wait_for_selector(DRAWN, state="attached")
    page.evaluate(OPEN_ALL)
    return violations(page, "serious", "critical")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_serious_on_the_pages_of_acts(browser: Browser, real: Served, theme: Any) -> None:
    context = browser.new_context(color_scheme=theme, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    enter(page, real)
    for path in (*PAGES, "/inbox/trade/s3", "/orders/o1"):
        page.goto(real.url + path)
        assert serious(page) == [], path
    context.close()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_serious_while_things_are_open_answered_and_halted(
    browser: Browser, core: Running, theme: Any
) -> None:
    core.signal("big", quantity=60)
    order = core.order_of(core.signal("resting", quantity=20, limit_price=Decimal(96)))
    context = browser.new_context(color_scheme=theme, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    enter(page, core.served, f"/orders/{order.order_id}")
    assert serious(page) == []
    page.goto(f"{core.served.url}/inbox")
    page.get_by_text("Approve …").click()
    page.get_by_role("button", name="Yes, approve").click()
    assert serious(page) == []
    page.keyboard.press("h")
    assert serious(page) == []
    page.get_by_role("dialog").get_by_role("button", name="Halt now").click()
    expect(page.get_by_role("article", name="everything")).to_be_visible()
    for path in ("/halts", "/orders", "/signals", "/inbox"):
        page.goto(core.served.url + path)
        assert serious(page) == [], path
    context.close()


def test_an_act_is_answered_within_a_second(page: Page, core: Running) -> None:
    core.signal("big", quantity=60)
    enter(page, core.served, "/inbox")
    page.get_by_text("Approve …").click()
    with page.expect_response(lambda r: r.request.method == "POST") as answer:
        page.get_by_role("button", name="Yes, approve").click()
    answer.value.finished()
    assert answer.value.request.timing["responseEnd"] < 1000
