"""Fixes: what is safe, what is left and why, and files that are never written over a version nobody checked."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.builders_content import a_draft

from steersman.content.model.draft import Draft
from steersman.content.model.finding import Finding, Found, judge
from steersman.content.qa.fix import as_diff, fixed, plan
from steersman.content.qa.fixing import Fixer
from steersman.kernel.errors import Conflict, Misconfigured


def findings(draft: Draft, *wanted: tuple[str, str], **more: Any) -> list[Finding]:
    """Return a finding for each (old, new): the first place of `old` in the draft."""
    source = draft.masked.source
    found = [
        Found(
            start=source.index(old), end=source.index(old) + len(old), source="s", rule=more.get("rule", "R"),
            category=more.get("category", "spelling"), message="m", suggestions=more.get("suggestions", (new,)),
            confidence=more.get("confidence", 0.9),
        )
        for old, new in wanted
    ]  # fmt: skip
    return judge(draft.name, source, draft.masked.lines, found, ("spelling",))


def after(body: str, old: str, new: str, **more: Any) -> str:
    """Return the body after the plan for one finding was done."""
    draft = a_draft(body)
    planned = plan(draft, findings(draft, (old, new), **more))
    return fixed(draft.masked.source, planned.edits)[draft.body_start + 1 :]


def why(body: str, old: str, new: str, **more: Any) -> str:
    draft = a_draft(body)
    (left,) = plan(draft, findings(draft, (old, new), **more)).left
    return left.why


def test_a_single_suggestion_is_put_in_place() -> None:
    assert after("🎉 I recieve it.\r\n", "recieve", "receive") == "🎉 I receive it.\r\n"
    assert after("It is very good.\n", "very", "") == "It is good.\n"
    assert after("Teh end.\n", "Teh", "The") == "The end.\n"


@pytest.mark.parametrize(
    ("body", "old", "new", "reason"),
    [
        ("A `teh` b.\n", "teh", "the", "no prose"),
        ("A “teh thing” b.\n", "teh", "the", "quote"),
        ('A "teh thing" b.\n', "teh", "the", "quote"),
        ("> A teh thing.\n", "teh", "the", "quote"),
        ("A [teh thing](http://x.org).\n", "teh", "the", "link"),
        ("In 2O26 it was.\n", "2O26", "year", "number"),
        ("For teh rest.\n", "teh", "10", "number"),
        ("We met Jonh there.\n", "Jonh", "join", "name"),
        ("A *teh* b.\n", "*teh*", "the", "markup"),
        ("A teh b.\n", "teh", "[the](x)", "markup"),
        ("A teh b.\n", "teh", "the\nend", "markup"),
    ],
)
def test_masks_numbers_names_links_and_quotes_are_never_touched(body: str, old: str, new: str, reason: str) -> None:
    assert reason in why(body, old, new)
    draft = a_draft(body)
    chosen = plan(draft, findings(draft, (old, new)), choose=lambda one: one.suggestions[0])
    assert chosen.edits == (), "not even when a person chooses it"


def test_what_is_not_clear_is_left_with_the_reason() -> None:
    assert why("A teh b.\n", "teh", "", suggestions=("the", "tea")) == "2 suggestions"
    assert why("A teh b.\n", "teh", "the", confidence=0.3) == "confidence 0.30"
    assert why("A teh b.\n", "teh", "the", category="style") == "category style"
    assert why("A teh b.\n", "teh", "", suggestions=()) == "no suggestion"
    assert "may be a word of yours" in why("A drawdown of 12%.\n", "drawdown", "dropdown", rule="SpellCheck")
    assert after("A beleive b.\n", "beleive", "believe", rule="SpellCheck") == "A believe b.\n"


def test_of_two_fixes_that_overlap_one_is_done() -> None:
    draft = a_draft("A teh the b.\n")
    one = findings(draft, ("teh the", "the"))
    two = findings(draft, ("the b", "a b"), category="typo")
    planned = plan(draft, [*two, *one])
    assert [edit.new for edit in planned.edits] == ["the"]
    assert [left.why for left in planned.left] == ["overlaps another fix"]


def test_git_applies_the_diff(tmp_path: Path) -> None:
    before = "one\r\ntwo teh\r\nthree\nno end teh"
    changed = before.replace("teh", "the")
    (tmp_path / "a.md").write_bytes(before.encode())
    diff = as_diff("a.md", before, changed)
    subprocess.run(["git", "apply", "-"], input=diff.encode(), cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "a.md").read_bytes() == changed.encode()


@pytest.fixture
def fixer(tmp_path: Path) -> Fixer:
    (tmp_path / "a.md").write_bytes(b"old\r\n")
    return Fixer(tmp_path, tmp_path / ".steersman")


OLD = hashlib.sha256(b"old\r\n").hexdigest()


def test_a_fix_is_written_and_taken_back_byte_for_byte(fixer: Fixer, tmp_path: Path) -> None:
    (tmp_path / "a.md").chmod(0o640)
    fixer.write("a.md", OLD, "new 🎉\r\n", at=1)
    assert (tmp_path / "a.md").read_bytes() == "new 🎉\r\n".encode()
    assert (tmp_path / "a.md").stat().st_mode & 0o777 == 0o640
    assert fixer.undoable() == ["a.md"]
    assert fixer.undo("a.md")
    assert (tmp_path / "a.md").read_bytes() == b"old\r\n"
    assert fixer.undoable() == []
    with pytest.raises(Misconfigured, match="is kept"):
        fixer.undo("a.md")


def test_a_version_that_nobody_checked_is_not_written_over(fixer: Fixer, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"newer\n")
    with pytest.raises(Conflict, match="changed since it was checked"):
        fixer.write("a.md", OLD, "new\n", at=1)
    assert (tmp_path / "a.md").read_bytes() == b"newer\n"
    assert fixer.undoable() == []


def test_undo_keeps_what_was_written_after_the_fix(fixer: Fixer, tmp_path: Path) -> None:
    fixer.write("a.md", OLD, "new\n", at=1)
    (tmp_path / "a.md").write_bytes(b"edited by hand\n")
    with pytest.raises(Conflict) as caught:
        fixer.undo("a.md")
    assert OLD in caught.value.fix
    assert (tmp_path / "a.md").read_bytes() == b"edited by hand\n"


def test_a_damaged_copy_is_never_put_back(fixer: Fixer, tmp_path: Path) -> None:
    fixer.write("a.md", OLD, "new\n", at=1)
    (tmp_path / ".steersman" / "content-fix" / OLD).write_bytes(b"something else")
    with pytest.raises(Misconfigured, match="damaged"):
        fixer.undo("a.md")
    assert (tmp_path / "a.md").read_bytes() == b"new\n"
