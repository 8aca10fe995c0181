"""`steersman content board|review|remark|show|approve|...` and the inbox, on a real workspace at 80 columns."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.builders_cli import Said
from tests.builders_content import write_draft

from steersman.cli.context import opened
from steersman.content.queries import pieces
from steersman.feedback import STANDARD, find, values

TOML = """
[channel.site]
kind = "site"
base_url = "https://example.com/"
author = "A. Author"
"""
ONE = "content/one.md"
BODY = "The first line is fine.\n\nHere is a word too many many.\n\nThe last line.\n"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("STEERSMAN_DIR", "STEERSMAN_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "steersman.toml").write_text(TOML, encoding="utf-8")
    return tmp_path


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    return Said(capsys, columns=80)


def test_an_empty_desk_teaches_the_next_step(desk: Path, said: Said) -> None:
    assert said("content", "board") == 0
    assert "a draft is a Markdown file, e.g. content/first.md" in said.out
    assert said("content", "review-stats") == 0
    assert "not enough data" in said.out
    assert said("content", "review", "content/none.md") == 2
    assert "content list" in said.err


def test_show_says_what_could_stand_instead_although_the_ledger_does_not_know_it(desk: Path, said: Said) -> None:
    write_draft(desk, body=BODY)
    assert said("content", "check", ONE) == 1
    assert said("content", "show", ONE) == 0
    assert "`many` stands twice" in said.out
    assert "→ 'many'" in said.out
    with opened() as opened_desk:
        raised = [bytes(e.data) for e in opened_desk.ledger.read(types=("content.finding.raised",))]
    assert raised
    assert not any(b"many" in data for data in raised)


def test_two_rounds_from_draft_to_published(desk: Path, said: Said) -> None:
    write_draft(desk, body=BODY)
    assert said("content", "board") == 0
    assert "draft (1)" in said.out
    assert said("content", "review", ONE) == 1
    assert "1 gate is open" in said.err
    assert said("content", "review", ONE, "--anyway") == 0
    assert "round 1" in said.out
    assert said("inbox", "list") == 0
    assert "review/content/one.md/1  since" in said.out
    assert "read A title" in said.out
    assert said("content", "remark", ONE, "say less", "--at", "8:25", "-c", "wording") == 0
    assert "“many”" in said.out
    assert "first pass: yes" in said.out
    assert said("content", "return", ONE) == 0
    assert said("content", "approve", ONE) == 1
    assert "does not wait for review; round 1 was returned" in said.err
    write_draft(desk, body=BODY.replace("too many many", "too much"))
    assert said("content", "review", ONE) == 0
    assert "1 remark settled as fixed" in said.out
    assert said("content", "show", ONE) == 0
    assert "fixed: please look" in said.out
    assert "[-many many-]{+much+}" in said.out
    assert said("inbox", "approve", "review/content/one.md/2", "--yes") == 0
    assert "is approved, round 2" in said.out
    (card,) = said.json("content", "board")
    assert (card["stage"], card["round"], card["remarks"], card["type"]) == ("approved", 2, 0, "post")
    assert said("content", "publish", "--yes") == 0
    (card,) = said.json("content", "board")
    assert (card["stage"], card["url"]) == ("published", "https://example.com/posts/one.html")
    write_draft(desk, body="New words.\n")
    assert said("content", "board") == 0
    assert "edited since it went out" in " ".join(said.out.split())


def test_the_inbox_returns_with_the_reason_as_a_remark(desk: Path, said: Said) -> None:
    write_draft(desk)
    said("content", "review", ONE)
    assert said("inbox", "deny", "review/content/one.md/9", "--reason", "x") == 1
    assert "another version" in said.err
    assert said("inbox", "approve", "review/content/one.md/1", "--yes", "--reason", "nice") == 1
    assert "takes no reason" in said.err
    assert said("inbox", "deny", "review/content/one.md/1", "--reason", "Zu lang.") == 0
    assert "is returned, round 1" in said.out
    assert said("content", "show", ONE) == 0
    assert "Zu lang." in said.out
    with opened(desk) as workspace:
        assert all(b"Zu lang" not in event.data for event in workspace.ledger.read())
    assert said("inbox", "list") == 0
    assert "nothing waits for you" in said.out


def test_a_run_may_ask_and_not_approve(desk: Path, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    write_draft(desk)
    monkeypatch.setenv("STEERSMAN_RUN_ID", "nightly-1")
    assert said("content", "review", ONE) == 0
    assert said("content", "approve", ONE) == 1
    assert "only a person approves a draft, not automation:nightly-1" in said.err
    answer = said.json("content", "approve", ONE)
    assert (answer["error"], answer["fix"]) == ("Rejected", "do it yourself, or in the console")


def test_show_says_it_all_as_json_and_dismiss_takes_a_remark_back(desk: Path, said: Said) -> None:
    write_draft(desk, body=BODY)
    said("content", "review", ONE, "--anyway")
    done = said.json("content", "remark", ONE, "which one?", "--at", "10", "--category", "fact")
    view = said.json("content", "show", ONE)
    (remark,) = view["remarks"]
    assert (remark["text"], remark["quote"], remark["now"], remark["line"]) == (
        "which one?",
        "The last line.",
        "open",
        10,
    )
    assert [f["rule"] for f in view["findings"]]
    assert said("content", "dismiss", done["id"][:6]) == 0
    assert said.json("content", "show", ONE)["remarks"][0]["now"] == "dismissed"


def test_terminal_tricks_in_a_draft_drive_no_terminal(desk: Path, said: Said) -> None:
    write_draft(desk, body="Plain \u202egnp.exe and a TODO.\n", title='"A \\e[31mred title"')
    said("content", "review", ONE, "--anyway")
    said("content", "remark", ONE, "look: \x1b]0;owned\x07", "--at", "6")
    assert said("content", "show", ONE) == 0
    assert "\x1b" not in said.out
    assert "\u202e" not in said.out
    assert said("content", "board") == 0
    assert said("inbox", "list") == 0
    assert "\x1b" not in said.out


def test_a_broken_file_keeps_its_place_and_says_why(desk: Path, said: Said) -> None:
    path = write_draft(desk)
    said("content", "review", ONE)
    said("content", "approve", ONE)
    path.write_bytes(b"\xff\xfe---")
    (card,) = said.json("content", "board")
    assert card["stage"] == "draft"
    assert "changed since it was approved" in card["why"]
    assert said("content", "show", ONE) == 0
    assert said("content", "remark", ONE, "hm") == 1
    path.unlink()
    assert said.json("content", "board") == [], "nothing of it is out, and nobody waits"


def test_twenty_remarks_are_enough_for_a_figure(desk: Path, said: Said) -> None:
    body = "".join(f"Line {n} has a TODO in it.\n\nLine {n} is fine.\n\n" for n in range(10))
    write_draft(desk, body=body)
    said("content", "review", ONE, "--anyway")
    for n in range(10):
        said("content", "remark", ONE, "open", "--at", f"{6 + 4 * n}", "-c", "structure")
        said("content", "remark", ONE, "odd", "--at", f"{8 + 4 * n}:1", "-c", "wording")
    assert said("content", "review-stats") == 0
    assert "50%" in said.out
    found = said.json("content", "review-stats")
    assert (found["caught"]["ratio"], found["caught"]["n"], found["by_category"]["wording"]["ratio"]) == (0.5, 20, None)
    with opened(desk) as workspace:
        assert len(pieces.remarks(workspace.db)) == 20
        share = find(STANDARD, "content_first_pass_share")
        (kpi,) = values(workspace.db, [share], now_ns=workspace.clock.now_ns())
    assert (kpi.value, kpi.n) == (0.5, 20)


def test_where_review_is_required_nothing_goes_out_unapproved(desk: Path, said: Said) -> None:
    (desk / "steersman.toml").write_text(TOML + "\n[review]\nrequired = true\ntypes = ['essay']\n", encoding="utf-8")
    write_draft(desk, type="essay")
    write_draft(desk, "note.md", type="note")
    outcomes = {o["draft"]: o for o in said.json("content", "publish", "--dry-run")}
    assert outcomes["content/note.md"]["action"] == "publish"
    assert outcomes[ONE]["action"] == "waits"
    assert "no person has approved it" in outcomes[ONE]["reason"]
    assert said("content", "publish", ONE, "--yes") == 0, "also one that is named waits"
    said("content", "review", ONE)
    said("content", "approve", ONE)
    assert said("content", "publish", ONE, "--yes") == 0
    (card,) = [c for c in said.json("content", "board") if c["draft"] == ONE]
    assert card["stage"] == "published"


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("required = true\ntypes = ['two words']", "two words"),
        ("types = ['essay']", "required is false"),
        ("require = true", "require"),
        ("required = 'yes'", "required"),
    ],
)
def test_wrong_settings_of_review_are_refused_with_their_line(
    desk: Path, said: Said, section: str, message: str
) -> None:
    (desk / "steersman.toml").write_text(f"{TOML}\n[review]\n{section}\n", encoding="utf-8")
    assert said("content", "board") == 2
    assert message in said.err


def test_every_stage_names_its_next_step_and_a_piece_without_its_file_is_still_shown(desk: Path, said: Said) -> None:
    path = write_draft(desk, body="I recieve it.\n")
    said("content", "show", "one")
    assert "next: steersman content check content/one.md" in said.out
    said("content", "check")
    said("content", "show", "one")
    assert "next: steersman content fix --ask content/one.md" in " ".join(said.out.split())
    write_draft(desk, body="I receive it.\n")
    said("content", "check")
    assert said("content", "review", "one") == 0
    write_draft(desk, body="I receive it now.\n")
    said("content", "show", "one")
    assert "next: steersman content review content/one.md asks again" in " ".join(said.out.split())
    path.unlink()
    assert said("content", "show", "one") == 0
    assert "its file is gone" in said.out
    assert said("content", "approve", "one") == 1
    assert "its file is gone" in said.err
