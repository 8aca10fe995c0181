"""LanguageTool's rules in this process: places, masks, and what to do where they are not installed."""

from __future__ import annotations

import sys

import pytest
from tests.builders_content import a_draft

from steersman.content.qa.engines.lingotweaker import LingotweakerChecker, code_points
from steersman.content.qa.engines.plain import paragraphs
from steersman.kernel.errors import Misconfigured


@pytest.fixture(scope="module")
def engine() -> LingotweakerChecker:
    pytest.importorskip("lt_py")
    return LingotweakerChecker()


def found(engine: LingotweakerChecker, body: str) -> list[tuple[str, str]]:
    draft = a_draft(body)
    return [(f.rule, draft.masked.source[f.start : f.end]) for f in engine.check(draft)]


@pytest.mark.parametrize(
    "before",
    [
        "",
        "😀 ",
        "e\u0301cole ",
        "שלום עולם ",
        "👩‍👩‍👧 ",
        "naïve — ",
        "**bold** ",
        "[a link](https://example.org/x) ",
        "`code` ",
    ],
)
def test_offsets_are_code_points_of_the_file_whatever_stands_before(engine: LingotweakerChecker, before: str) -> None:
    assert ("MORFOLOGIK_RULE_EN_US", "verison") in found(engine, f"{before}This is the verison here.\n")


def test_what_a_message_quotes_stands_between_marks_that_a_record_leaves_out(engine: LingotweakerChecker) -> None:
    (one,) = [f for f in engine.check(a_draft("I can heard you.\n")) if f.rule == "MD_BASEFORM"]
    assert "“can”" in one.message
    assert one.suggestions == ("hear",)
    assert one.category == "grammar"


@pytest.mark.parametrize(
    "body",
    [
        "Call `teh_verison` with `--falg` now.\n",
        "```\nteh verison\n```\n",
        "See <https://example.org/teh-verison> for more.\n",
        "Use a `int` or an `string` here.\n",
        "- item that begins small\n- another one\n",
    ],
)
def test_what_the_mask_covers_is_never_flagged(engine: LingotweakerChecker, body: str) -> None:
    assert found(engine, body) == []


def test_a_suggestion_that_would_take_markup_away_is_not_made(engine: LingotweakerChecker) -> None:
    (one,) = [f for f in engine.check(a_draft("I can *heard* you.\n")) if f.rule == "MD_BASEFORM"]
    assert one.suggestions in ((), ("hear",))
    across = [f for f in engine.check(a_draft("It are *very very* good.\n")) for s in f.suggestions]
    assert not any("*" in s for f in across for s in f.suggestions)


def test_without_the_extra_the_operator_is_told_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lt_py", None)
    with pytest.raises(Misconfigured, match="deep = true") as refused:
        LingotweakerChecker()
    assert "pip install 'steersman[deep]'" in refused.value.fix


def test_an_offset_inside_a_code_point_counts_as_its_beginning() -> None:
    at = code_points("a😀b")
    assert [at(n) for n in range(8)] == [0, 1, 1, 1, 1, 2, 3, 3]


def test_paragraphs_are_running_text_without_markup() -> None:
    body = (
        "# A *title*\n\nOne **two**\nthree `code` [four](x.md).\n\n> - [ ] five <em>six</em>\n\n"
        "| a | b |\n|---|---|\n| c | d |\n"
    )
    texts = [block.text for block in paragraphs(a_draft(body).masked)]
    assert texts == ["A title", "One two three code four.", "five six", "a", "b", "c", "d"]
