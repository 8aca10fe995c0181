"""Harper on real prose: places are ours, code is left alone, the author's words are known."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.builders_content import a_checker, a_draft

from steersman.content.qa.checker import DraftChecker
from steersman.content.qa.engines.harper import HarperChecker
from steersman.content.settings import QaSettings
from steersman.kernel.clock import FakeClock
from steersman.ledger.adapters.memory import create as memory_ledger

EXAMPLES = Path(__file__).parents[3] / "examples" / "desk"


@pytest.fixture(scope="module")
def harper() -> HarperChecker:
    return HarperChecker(off=QaSettings().off)


def found(harper: HarperChecker, body: str) -> list[tuple[str, str]]:
    draft = a_draft(body)
    return [(f.category, draft.masked.source[f.start : f.end]) for f in harper.check(draft)]


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_offsets_are_code_points_of_the_file_whatever_stands_before(harper: HarperChecker, ends: str) -> None:
    body = "A party 🎉 with `codde` and\ta [link](https://exampel.org/recieve).\n\nI recieve it.\n".replace("\n", ends)
    # Harper also objects to the tab itself.
    assert found(harper, body) == [("formatting", "\t"), ("spelling", "recieve")]


def test_code_addresses_and_markup_are_left_alone(harper: HarperChecker) -> None:
    body = '```sh\nrecieve teh\n```\n\n<div class="recieve">Fine.</div>\n\n<https://recieve.org> {{< recieve >}}\n'
    assert found(harper, body) == []


def test_a_list_item_may_go_on_with_the_sentence(harper: HarperChecker) -> None:
    assert found(harper, "The desk keeps a record of this:\n\n- the rows, and\n- the size.\n") == []


def test_the_authors_words_are_known_in_every_form(tmp_path: Path) -> None:
    words = tmp_path / "content" / "vocabulary.txt"
    words.parent.mkdir()
    words.write_text("# ours\nQwertzish   # a product\n", encoding="utf-8")
    checker = DraftChecker(root=tmp_path, settings=QaSettings(), ledger=memory_ledger(), clock=FakeClock())
    assert checker.findings(a_draft("We use Qwertzish, and Qwertzish's friends know it.\n")) == []
    assert checker.findings(a_draft("We use Qwertzisch daily.\n"))[0].severity == "gate"


def test_two_sample_drafts_are_clean_and_the_third_has_six_planted_mistakes(harper: HarperChecker) -> None:
    from steersman.content.qa.engines.house import HouseRules

    checker = a_checker(EXAMPLES, memory_ledger(), engines=(HouseRules(), harper))
    reports = {report.draft: report for report in checker.check_all()}
    assert {name: report.outcome for name, report in reports.items()} == {
        "content/a-week-in-the-journal.md": "pass",
        "content/first-steps.md": "pass",
        "content/scripts-fail-quietly.md": "blocked",
    }
    blocked = reports["content/scripts-fail-quietly.md"]
    assert [f.excerpt for f in blocked.findings] == ["recieve", "the the", "![]", "checks", "Its", "TODO"]
    assert sum(len(report.findings) for report in reports.values()) == 6
