"""House rules, places, fingerprints, merging, suppression and tiers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from tests.builders_content import a_checker, a_draft

from steersman.content.model.finding import Finding, Found, judge, merge, severity_of
from steersman.content.model.lines import Lines
from steersman.content.model.suppression import apply, suppressions
from steersman.content.qa.engines.house import HouseRules
from steersman.content.qa.engines.pictures import PictureFiles
from steersman.content.settings import GATES
from steersman.ledger.adapters.memory import create as memory_ledger


def rules(body: str, *banned: str) -> list[tuple[str, str]]:
    """Return (rule, matched text) of what the house rules find."""
    draft = a_draft(body)
    return [(f.rule, draft.masked.source[f.start : f.end]) for f in HouseRules(banned).check(draft)]


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        ("Look: ![A chart](a.png)\n", ["a.png"]),
        ("Look: ![A chart](<a chart.png> 'With words')\n", ["a chart.png"]),
        ("Look: ![A chart](a%20chart.png?v=2#top)\n", ["a%20chart.png?v=2#top"]),
        ("Look: <img alt='A chart' src='a.png'>\n", ["a.png"]),
        ("Look: ![A chart](here.png) and ![another](a.png)\n", ["a.png"]),
        ("Look: ![A chart](https://x.org/a.png) [a file](a.png)\n", []),
        ("Look: `![A chart](a.png)`\n\n```\n<img src='a.png'>\n```\n", []),
    ],
)
def test_pictures_are_looked_for_wherever_a_reader_would_see_them(
    tmp_path: Path, body: str, missing: list[str]
) -> None:
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "here.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(24))
    draft = a_draft(body)
    found = PictureFiles(tmp_path, "content").check(draft)
    assert [draft.masked.source[f.start : f.end] for f in found] == missing
    assert all(f.rule == "MissingImage" and f.is_private for f in found)


@pytest.mark.parametrize(
    ("body", "rule", "matched"),
    [
        ("It is the the point.\n", "DoubledWord", "the the"),
        ("It is the\nThe point.\n", "DoubledWord", "the\nThe"),
        ("Look: ![](a.png)\n", "MissingAltText", "![]"),
        ("See [](https://x.org).\n", "LinkWithoutText", "[]"),
        ("See [click  here](https://x.org).\n", "VagueLink", "[click  here]"),
        ("A TODO is left.\n", "Unfinished", "TODO"),
        ("Lorem ipsum dolor.\n", "Unfinished", "Lorem ipsum"),
        ("# Another title\n", "SecondTitle", "# Another title"),
        ("## One\n\n#### Two\n", "SkippedLevel", "#### Two"),
        ("##\n", "EmptyHeading", "##"),
        ("Synergy  Effects!\n", "BannedPhrase", "Synergy  Effects"),
    ],
)
def test_the_house_rules_find(body: str, rule: str, matched: str) -> None:
    assert rules(body, "synergy effects") == [(rule, matched)]


@pytest.mark.parametrize(
    "body",
    [
        "`the the` and `TODO`\n",
        "```\nTODO the the ![](a.png)\n```\n",
        "    TODO the the\n",
        "[![A chart](https://x.org/a.png)](https://x.org)\n",
        "[`code`](https://x.org)\n",
        "![A chart](https://x.org/a.png) and [the report](https://x.org/todo/TODO)\n",
        "He had had that that.\n",
        "Two `x` two.\n",
        "<!-- TODO later --> Fine.\n",
        "## One\n\n### Two\n\n## Three\n",
    ],
)
def test_the_house_rules_leave_alone(body: str) -> None:
    assert rules(body, "synergy effects") == []


def a_found(start: int, end: int, rule: str = "R", category: str = "style", **fields: object) -> Found:
    return Found(start=start, end=end, source="s", rule=rule, category=category, message="m", **fields)  # type: ignore[arg-type]


def findings(text: str, *found: Found) -> list[Finding]:
    return judge("content/one.md", text, Lines(text), found, ("gate",))


def test_a_fingerprint_stays_when_the_text_around_it_moves() -> None:
    (before,) = findings("It is bad. More.", a_found(6, 9))
    text = "A new first paragraph 🎉.\r\n\r\nIt\r\nis bad. Less."
    (after,) = findings(text, a_found(text.index("bad"), text.index("bad") + 3))
    assert before.fingerprint == after.fingerprint
    assert (after.line, after.column) == (4, 4)


def test_a_fingerprint_changes_with_the_sentence_the_rule_and_the_text() -> None:
    prints = {
        findings("It is bad.", a_found(6, 9))[0].fingerprint,
        findings("It was bad.", a_found(7, 10))[0].fingerprint,
        findings("It is bad.", a_found(6, 9, rule="S"))[0].fingerprint,
        findings("It is bad.", a_found(3, 9))[0].fingerprint,
    }
    assert len(prints) == 4


def test_the_same_mistake_twice_in_one_sentence_is_two_findings() -> None:
    one, two = findings("bad and bad", a_found(0, 3), a_found(8, 11))
    assert one.fingerprint != two.fingerprint


def test_of_two_that_overlap_in_one_category_the_better_stays_whatever_the_order() -> None:
    plain, fixable = a_found(0, 7), a_found(4, 9, rule="Q", suggestions=("x",))
    assert merge([plain, fixable], ()) == merge([fixable, plain], ()) == [fixable]
    assert merge([plain, fixable], ("R",)) == [plain]


def test_other_categories_may_overlap_but_not_cover_the_same_text() -> None:
    wide, other, same = a_found(0, 9), a_found(2, 4, category="spelling"), a_found(2, 4, rule="A", category="typo")
    assert merge([wide, other, same], ()) == [wide, same]


def test_the_tier_comes_from_the_gates_of_the_settings() -> None:
    assert severity_of("SpellCheck", "spelling", GATES) == "gate"
    assert severity_of("SpellCheck", "spelling", ()) == "warn"
    assert severity_of("VagueLink", "style", ()) == "info"
    assert severity_of("VagueLink", "style", ("VagueLink",)) == "gate"


def checked(root: Path, body: str, **settings: Any) -> list[tuple[str, str, str]]:
    checker = a_checker(root, memory_ledger(), **settings)
    return [(f.rule, f.status, f.reason) for f in checker.findings(a_draft(body))]


def test_a_comment_suppresses_its_paragraph_and_what_it_covers_stays_listed(tmp_path: Path) -> None:
    body = "A TODO here. <!-- steersman: ignore Unfinished (quoted on purpose) -->\n\nA TODO there.\n"
    assert checked(tmp_path, body) == [
        ("Unfinished", "suppressed", "quoted on purpose"),
        ("Unfinished", "open", ""),
    ]


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_comment_alone_suppresses_the_paragraph_that_follows(tmp_path: Path, ends: str) -> None:
    body = "<!-- steersman: ignore repetition, unfinished -->\n\nA TODO\nand the the.\n\nA TODO.\n".replace("\n", ends)
    assert [status for _, status, _ in checked(tmp_path, body)] == ["suppressed", "suppressed", "open"]


def test_a_comment_for_the_file_suppresses_everywhere_and_names_its_line(tmp_path: Path) -> None:
    body = "A TODO.\n\n<!-- steersman: ignore-file house/Unfinished -->\n\nA TODO, the the.\n"
    assert checked(tmp_path, body) == [
        ("Unfinished", "suppressed", "comment on line 8"),
        ("Unfinished", "suppressed", "comment on line 8"),
        ("DoubledWord", "open", ""),
    ]


def test_a_comment_inside_code_suppresses_nothing(tmp_path: Path) -> None:
    body = "```\n<!-- steersman: ignore-file * -->\n```\n\nA TODO.\n"
    assert checked(tmp_path, body) == [("Unfinished", "open", "")]


def test_a_rule_that_is_off_is_not_reported(tmp_path: Path) -> None:
    assert checked(tmp_path, "A TODO.\n", off=("Unfinished",)) == []


@pytest.mark.parametrize(
    "unit",
    [
        "<!-- steersman: ignore A -->\n\nword\n\n",
        "`a` <!-- steersman: ignore A -->\n\n",
        "<!-- steersman: ignore A --> word ",
        "<!-- steersman: ignore a",
    ],
)
def test_comments_by_the_thousand_cost_what_they_are_long(unit: str) -> None:
    def seconds(times: int) -> float:
        draft = a_draft(unit * times)
        found = [
            Found(start=at, end=at + 2, source="x", rule="B", category="c", message="m")
            for at in range(0, len(draft.masked.source) - 2, len(unit))
        ]
        judged = judge(draft.name, draft.masked.source, draft.masked.lines, found, ())
        began = time.process_time()
        apply(judged, suppressions(draft.masked))
        return time.process_time() - began

    # The square would be 16; a short one is measured as long at least, so that noise decides nothing.
    assert min(seconds(4000) for _ in range(3)) < 10 * max(min(seconds(1000) for _ in range(3)), 0.005)


@pytest.mark.parametrize("blank", [" ", "\n ", "\t"])
def test_a_comment_that_is_never_closed_costs_nothing(blank: str) -> None:
    draft = a_draft(f"<!-- steersman: ignore a{blank * 100_000}")
    began = time.process_time()
    assert suppressions(draft.masked) == []
    assert time.process_time() - began < 1
