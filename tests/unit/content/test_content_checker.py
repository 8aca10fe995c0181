"""What a pass records: each fact once, and one bad draft stops no other."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from tests.builders_content import a_checker, told, write_draft

from steersman.content import queries
from steersman.content.drafts import find_drafts
from steersman.content.projections import PROJECTIONS
from steersman.content.settings import QaSettings
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Misconfigured
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.ledger.projections import Projector, open_reader


def test_checking_the_same_version_again_writes_nothing(tmp_path: Path) -> None:
    ledger, clock = memory_ledger(), FakeClock()
    write_draft(tmp_path, body="A TODO.\n")
    checker = a_checker(tmp_path, ledger, clock=clock)
    assert [r.recorded for r in checker.check_all()] == [True]
    head = ledger.head()
    clock.advance(60)
    assert [r.recorded for r in checker.check_all()] == [False]
    assert ledger.head() == head


def test_a_finding_is_raised_once_however_often_its_draft_changes(tmp_path: Path) -> None:
    ledger = memory_ledger()
    checker = a_checker(tmp_path, ledger)
    for body in ("A TODO.\n", "Intro.\n\nA TODO.\n", "Intro.\n", "A TODO.\n"):
        write_draft(tmp_path, body=body)
        checker.check_all()
    kinds = Counter(kind for kind, _ in told(ledger))
    assert kinds == {"draft.checked": 4, "finding.raised": 1, "finding.accepted": 1}
    assert [data["outcome"] for kind, data in told(ledger) if kind == "draft.checked"] == [
        "blocked", "blocked", "pass", "blocked",
    ]  # fmt: skip


def test_a_draft_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    ledger = memory_ledger()
    write_draft(tmp_path, "a.md", status="nonsense")
    write_draft(tmp_path, "b.md")
    (tmp_path / "content" / "c.md").write_bytes(b"---\ntitle: \xff\n---\n")
    write_draft(tmp_path, "d.md", body="x" * 2000)
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    (tmp_path / "content" / "e.md").symlink_to("/etc/hostname")
    checker = a_checker(tmp_path, ledger, max_size_kb=1)
    reports = checker.check_all()
    assert [r.outcome for r in reports] == ["refused", "pass", "refused", "refused", "refused"]
    assert all(r.fix for r in reports if r.outcome == "refused")
    refused = [data for kind, data in told(ledger) if kind == "draft.refused"]
    assert [(r["draft"], r["line"]) for r in refused] == [
        ("content/a.md", 3), ("content/c.md", 2), ("content/d.md", None), ("content/e.md", None),
    ]  # fmt: skip
    head = ledger.head()
    checker.check_all()
    assert ledger.head() == head


def test_no_word_of_a_draft_enters_the_ledger_with_a_finding(tmp_path: Path) -> None:
    ledger = memory_ledger()
    write_draft(tmp_path, body="It is secretword secretword here.\n")
    a_checker(tmp_path, ledger).check_all()
    assert any(kind == "finding.raised" for kind, _ in told(ledger))
    assert not any(b"secretword" in event.data for event in ledger.read())


def test_a_changed_policy_is_a_new_outcome_of_the_same_version(tmp_path: Path) -> None:
    ledger = memory_ledger()
    write_draft(tmp_path, body="A TODO.\n")
    assert a_checker(tmp_path, ledger).check_all()[0].outcome == "blocked"
    assert a_checker(tmp_path, ledger, gates=()).check_all()[0].outcome == "pass"


def test_drafts_are_found_below_the_folder_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.md", "2026/a.md", "README.md", "_parts/x.md", ".cache/y.md"):
        write_draft(tmp_path, name)
    (tmp_path / "content" / "notes.txt").write_text("x", encoding="utf-8")
    assert find_drafts(tmp_path, QaSettings()) == ["content/2026/a.md", "content/b.md"]
    assert find_drafts(tmp_path, QaSettings(), [Path("content/2026")]) == ["content/2026/a.md"]
    with pytest.raises(Misconfigured, match=r"no draft content/c\.md"):
        find_drafts(tmp_path, QaSettings(), [Path("content/c.md")])
    with pytest.raises(Misconfigured, match="no Markdown file"):
        find_drafts(tmp_path, QaSettings(), [Path("content/notes.txt")])


def test_a_draft_is_found_by_its_bare_name_and_a_typo_gets_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, elsewhere = tmp_path / "desk", tmp_path / "elsewhere"
    write_draft(home, "first.md")
    elsewhere.mkdir()
    (elsewhere / "first.md").write_text("not the one of the workspace", encoding="utf-8")
    monkeypatch.chdir(elsewhere)
    for name in ("first", "first.md", "content/first", "content/first.md"):
        assert find_drafts(home, QaSettings(), [Path(name)]) == ["content/first.md"]
    with pytest.raises(Misconfigured) as typo:
        find_drafts(home, QaSettings(), [Path("frist.md")])
    assert typo.value.fix == "did you mean content/first.md?"
    (elsewhere / "other.md").write_text("x", encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"other\.md is outside of the workspace"):
        find_drafts(home, QaSettings(), [Path("other.md")])


def test_the_read_model_follows_a_draft_from_blocked_to_clean_to_unreadable(tmp_path: Path) -> None:
    ledger = memory_ledger()
    checker = a_checker(tmp_path, ledger)
    projector = Projector(ledger, tmp_path / "p.db", PROJECTIONS)
    db = open_reader(tmp_path / "p.db")

    def look(body: str, **fields: Any) -> tuple[str, list[tuple[int, str]], queries.ContentCounts]:
        write_draft(tmp_path, body=body, **fields)
        checker.check_all()
        projector.catch_up()
        (row,) = queries.drafts(db)
        found = queries.findings(db, "content/one.md")
        return row.status, [(f.line, f.status) for f in found], queries.counts(db)

    assert look("A TODO.\n")[:2] == ("blocked", [(6, "open")])
    assert look("Intro.\n\nA TODO.\n")[:2] == ("blocked", [(8, "open")])
    assert look("A TODO. <!-- steersman: ignore Unfinished -->\n")[:2] == ("checked", [(6, "suppressed")])
    assert look("Fine.\n")[:2] == ("checked", [(6, "gone")])
    status, found, counted = look("A TODO.\n", status="nonsense")
    assert (status, found) == ("refused", [(6, "gone")])
    assert msgspec.to_builtins(counted) == {"drafts": 1, "findings": 1, "published": 0, "blocked": 0, "refused": 1}
    (row,) = queries.drafts(db)
    assert row.line == 3
    assert "nonsense" in row.reason
    projector.close()


def test_the_read_model_is_the_same_when_it_is_rebuilt(tmp_path: Path) -> None:
    ledger = memory_ledger()
    checker = a_checker(tmp_path, ledger)
    first = Projector(ledger, tmp_path / "a.db", PROJECTIONS)
    for body in ("A TODO.\n", "Intro. The the.\n", "Fine.\n"):
        write_draft(tmp_path, body=body)
        checker.check_all()
        first.catch_up()
    second = Projector(ledger, tmp_path / "b.db", PROJECTIONS)
    second.catch_up()
    dumps = [
        [
            apsw.Connection(str(tmp_path / f)).execute(f"SELECT * FROM {t}").fetchall()
            for t in ("content_draft", "content_finding")
        ]
        for f in ("a.db", "b.db")
    ]
    assert dumps[0] == dumps[1]
    first.close()
    second.close()
