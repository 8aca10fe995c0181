"""Content in the browser: the board, a piece with its findings in the text, remarks, approval; hostile drafts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from tests.builders_console import TOML, Served, a_desk, served
from tests.builders_content import write_draft
from tests.e2e.test_acts import OPEN_ALL, SMALL
from tests.e2e.test_overview import enter, overflow, violations

from steersman.bootstrap import content
from steersman.bootstrap.desk import Desk
from steersman.content.queries import pieces
from steersman.content.review.piece import standing

pytestmark = pytest.mark.e2e

ONE = "content/one.md"
HOSTILE = "content/hostile.md"
SITE = """
[channel.site]
kind = "site"
base_url = "https://example.com/"
author = "A. Author"
"""
BODY = "The first line is fine.\n\nThere is a TODO in this one, and a slip.\n\n" + "It goes on for a while.\n\n" * 30
TRAP = (
    "<script>document.title='owned'</script> <img src=x onerror=\"document.title='owned'\"> "
    "\u202egnp.exe\u202c [x](javascript:alert(1)) {{ 7*7 }} \u0627\u0644\u0633\u0644\u0627\u0645\n\n" + "W" * 400 + "\n"
)


def reviewed(desk: Desk) -> None:
    """Put one piece into its second round, with a remark that was fixed and one that stands; and a hostile one."""
    root = desk.workspace.root
    path = write_draft(root, body=BODY)
    write_draft(root, "hostile.md", body=TRAP, title="'<b onclick=alert(1)>T</b>\u202e'")
    write_draft(root, "plain.md", title="A plain one")
    acts = content.reviews(desk, actor="person:test")
    acts.request(ONE, anyway=True)
    at = path.read_text(encoding="utf-8").index("slip")
    acts.remark(ONE, start=at, end=at + 4, category="wording", text="<i>which</i> slip?")
    acts.return_(ONE, text="Too long.")
    path.write_text(path.read_text(encoding="utf-8").replace("a slip", "a word"), encoding="utf-8")
    acts.request(ONE, anyway=True)
    acts.request(HOSTILE, anyway=True)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Served]:
    opened = a_desk(tmp_path / "desk", text=TOML + SITE)
    reviewed(opened)
    with served(opened) as here:
        yield here


def stage(desk: Served, draft: str = ONE) -> str:
    desk.desk.refresh()
    found = pieces.piece(desk.desk.db, draft)
    assert found is not None
    return standing(found).stage


def test_the_board_leads_to_a_piece_with_what_was_found_in_its_text(page: Page, desk: Served) -> None:
    enter(page, desk)
    expect(page.locator("[data-fragment=content]")).to_contain_text("2 for you to read")
    page.keyboard.press("g")
    page.keyboard.press("c")
    page.wait_for_url(f"{desk.url}/content")
    expect(page.get_by_role("region", name="in review 2")).to_contain_text("A title")
    expect(page.get_by_role("region", name="draft 1")).to_contain_text("not checked in this version")
    page.get_by_role("link", name="A title").click()
    page.wait_for_url(f"{desk.url}/content/{ONE}")
    expect(page.get_by_role("heading", level=1)).to_have_text("A title")
    mark = page.locator(".mark-gate").first
    expect(mark).to_contain_text("TODO")
    expect(mark).to_contain_text("gate")
    marks = page.get_by_role("region", name="Found and said")
    expect(marks).to_contain_text("Unfinished")
    expect(marks).to_contain_text("`TODO` was left in")
    expect(marks).to_contain_text("instead: TO-DO")
    expect(marks).to_contain_text("<i>which</i> slip?")
    expect(marks).to_contain_text("fixed: please look")
    changes = page.get_by_role("region", name="Changed since round 1")
    expect(changes.locator("del")).to_have_text("slip")
    expect(changes.locator("ins")).to_have_text("word")
    page.keyboard.press("j")
    expect(mark).to_be_focused()


def test_the_board_follows_what_others_do(page: Page, desk: Served) -> None:
    enter(page, desk, "/content")
    content.reviews(desk.desk, actor="person:other").request("content/plain.md")
    expect(page.get_by_role("region", name="in review 3")).to_contain_text("A plain one")


def test_an_answer_that_comes_too_late_says_what_is_the_case(context: BrowserContext, desk: Served) -> None:
    page = context.new_page()  # the browser itself reports the 409, so this page may
    enter(page, desk, "/inbox")
    content.reviews(desk.desk, actor="person:other").withdraw(ONE)
    desk.desk.refresh()
    cookie = desk.cookie()
    headers = {"cookie": cookie, "content_type": "application/x-www-form-urlencoded"}
    form = {"csrf": desk.csrf(cookie), "confirmed": "yes"}
    status, _, text = desk.ask("POST", f"/inbox/review/{ONE}/2/approve", body=form, **headers)
    assert status == 409
    assert "does not wait for review" in text


def test_a_remark_on_what_was_selected_is_recorded_where_it_points(page: Page, desk: Served) -> None:
    enter(page, desk, f"/content/{ONE}")
    page.evaluate("""() => {
        const line = document.querySelector('[data-line="8"]').lastChild, range = document.createRange();
        const at = line.textContent.indexOf('word');
        range.setStart(line, at); range.setEnd(line, at + 4);
        getSelection().removeAllRanges(); getSelection().addRange(range);
    }""")
    expect(page.get_by_label("Place")).to_have_value("8:36-39")
    page.get_by_label("Kind").select_option("fact")
    page.get_by_label("What is wrong").fill("says who?")
    page.get_by_role("button", name="Add the remark").click()
    marked = page.locator(".mark-remark")
    expect(marked).to_contain_text("word")
    expect(page.get_by_role("region", name="Found and said")).to_contain_text("says who?")
    (remark,) = [r for r in pieces.remarks(desk.desk.db, ONE) if r.category == "fact"]
    assert (remark.line, remark.end - remark.start, remark.caught) == (8, 4, "")
    page.get_by_role("button", name="Dismiss remark on line 8").click()
    expect(page.locator(".mark-remark")).to_have_count(0)


def test_the_version_on_the_page_is_what_is_approved(context: BrowserContext, desk: Served) -> None:
    page = context.new_page()  # the browser itself reports the 409, so this page may
    enter(page, desk, f"/content/{ONE}")
    page.get_by_text("Approve …").click()
    write_draft(desk.desk.workspace.root, body="Swapped under the reader's eyes.\n")
    page.get_by_role("button", name="Yes, this version may go out").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("changed since it was sent for review")
    assert stage(desk) == "in review"
    page.get_by_role("link", name="Go back").click()
    page.get_by_role("button", name="Ask for review, round 3").click()
    page.get_by_text("Approve …").click()
    page.get_by_role("button", name="Yes, this version may go out").click()
    expect(page.locator("[data-fragment=piece-title]")).to_contain_text("approved")
    assert stage(desk) == "approved"


def test_a_piece_is_returned_from_the_inbox_with_words_that_no_event_holds(page: Page, desk: Served) -> None:
    enter(page, desk, "/inbox")
    card = page.get_by_role("article", name="read A title")
    expect(card).to_contain_text("round 2")
    card.get_by_text("Return …").click()
    card.get_by_label("Why").fill("geheimer Grund")
    card.get_by_role("button", name="Return it").click()
    expect(page.locator("[data-fragment=hold-title]")).to_contain_text("it went back to its author")
    assert all(b"geheim" not in event.data for event in desk.desk.ledger.read())
    page.get_by_role("link", name=ONE).click()
    expect(page.get_by_role("region", name="Found and said")).to_contain_text("geheimer Grund")


def test_a_piece_is_approved_from_the_inbox(page: Page, desk: Served) -> None:
    enter(page, desk, "/inbox")
    card = page.get_by_role("article", name="read A title")
    card.get_by_text("Approve …").click()
    card.get_by_role("button", name="Yes, approve").click()
    expect(page.locator("[data-fragment=hold-title]")).to_contain_text("this version may go out")
    assert stage(desk) == "approved"


def test_a_finding_is_judged_and_a_mind_may_change(page: Page, desk: Served) -> None:
    enter(page, desk, f"/content/{ONE}")
    page.get_by_role("button", name="Not a mistake finding 1").click()
    expect(page.get_by_role("region", name="Found and said")).to_contain_text("you said it is none")
    page.get_by_role("button", name="Right finding 1").click()
    expect(page.get_by_role("region", name="Found and said")).to_contain_text("you said it is right")
    said = [
        e.type.rpartition(".")[2] for e in desk.desk.ledger.read(types=("content.finding.*",)) if "raised" not in e.type
    ]
    assert said == ["rejected", "accepted"]


def test_a_piece_is_shown_as_each_channel_would_show_it(page: Page, desk: Served) -> None:
    enter(page, desk, f"/content/{ONE}")
    page.get_by_role("link", name="As each channel would show it").click()
    expect(page.get_by_role("region", name="site")).to_contain_text("The first line is fine.")
    page.get_by_role("link", name="← A title").click()
    page.wait_for_url(f"{desk.url}/content/{ONE}")


def test_a_hostile_draft_is_text(page: Page, desk: Served) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    enter(page, desk, f"/content/{HOSTILE}")
    expect(page.get_by_role("heading", level=1)).to_have_text("<b onclick=alert(1)>T</b>[U+202E]")
    text = page.locator("[data-draft]")
    expect(text).to_contain_text("<script>document.title='owned'</script>")
    expect(text).to_contain_text("{{ 7*7 }}")
    expect(text.locator(".hidden-char")).to_have_text(["U+202E", "U+202E", "U+202C"])
    assert "\u202e" not in page.content()
    for path in PAGES:
        page.goto(desk.url + path)
        assert "\u202e" not in page.content(), path
    page.goto(f"{desk.url}/content/{HOSTILE}")
    assert text.locator("script, img, b, [onclick], [onerror], [style]").count() == 0
    assert page.locator("a[href^='javascript:']").count() == 0
    assert "owned" not in page.title()
    assert all(url.startswith(desk.url) and not url.endswith("/x") for url in asked)


@pytest.mark.parametrize(
    "draft", ["content/none.md", "../../etc/passwd", "content/../steersman.toml", "steersman.toml"]
)
def test_what_is_no_draft_has_no_page(desk: Served, draft: str) -> None:
    cookie = desk.cookie()
    status, _, text = desk.ask("GET", f"/content/{draft.replace('..', '%2e%2e')}", cookie=cookie)
    assert status == 404
    assert "root:" not in text
    form = {"csrf": desk.csrf(cookie), "version": "0" * 64, "text": "x"}
    headers = {"cookie": cookie, "content_type": "application/x-www-form-urlencoded"}
    status, _, _ = desk.ask("POST", f"/content/{draft.replace('..', '%2e%2e')}/remark", body=form, **headers)
    assert status == 404


@pytest.mark.parametrize("act", ["approve", "return", "withdraw", "remark", "dismiss", "check", "review", "judge"])
def test_a_form_from_elsewhere_changes_nothing(desk: Served, act: str) -> None:
    before = desk.desk.ledger.head().pos
    headers = {"cookie": desk.cookie(), "content_type": "application/x-www-form-urlencoded"}
    status, _, _ = desk.ask("POST", f"/content/{ONE}/{act}", body={"confirmed": "yes"}, **headers)
    assert status == 403
    assert desk.desk.ledger.head().pos == before


PAGES = ("/content", f"/content/{HOSTILE}/preview", f"/content/{ONE}", f"/content/{HOSTILE}", "/inbox", "/")


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_of_content_overflows(page: Page, desk: Served, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 780})
    for path in PAGES:
        enter(page, desk, path)
        page.evaluate(OPEN_ALL)
        assert overflow(page) == 0, path
        if width == 360:
            assert page.evaluate(SMALL) == [], path


@pytest.mark.parametrize(("theme", "width"), [("dark", 360), ("light", 1280)])
def test_axe_finds_nothing_on_the_pages_of_content(browser: Browser, desk: Served, theme: Any, width: int) -> None:
    context = browser.new_context(color_scheme=theme, viewport={"width": width, "height": 800})
    page = context.new_page()
    for path in PAGES:
        enter(page, desk, path)
        page.evaluate(OPEN_ALL)
        assert violations(page) == [], path
    context.close()
