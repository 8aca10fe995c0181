"""`content preview`, `unpublish` and `posts` on a real workspace: what they print, record, and how they exit."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.builders_cli import Said
from tests.builders_content import write_draft

from steersman.cli.context import opened
from steersman.content.events.publishing import WORKER_SILENT, PostOverdue, WorkerSeen
from steersman.content.publishing.alarms import STREAM
from steersman.ledger import new_event

TOML = """
[channel.site]
kind = "site"
base_url = "https://example.com/"

[channel.hook]
kind = "webhook"
url = "https://example.com/hook"
secret = "env:HOOK_SECRET"
link = "site"
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("STEERSMAN_DIR", "STEERSMAN_RUN_ID", "HOOK_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "steersman.toml").write_text(TOML, encoding="utf-8")
    return tmp_path


@pytest.fixture
def steersman(capsys: pytest.CaptureFixture[str]) -> Said:
    return Said(capsys)


def test_a_preview_counts_and_says_what_is_missing(desk: Path, steersman: Said) -> None:
    write_draft(desk, body="Words ![A point](gone.png)\n", summary="Short.")
    assert steersman("content", "preview", "content/one.md") == 1
    assert "site  28 characters  whole piece" in steersman.out
    assert "cannot go out: line 7: there is no file content/gone.png" in " ".join(steersman.out.split())
    assert all(len(line) <= 80 for line in steersman.out.splitlines())
    assert steersman("content", "preview", "content/one.md", "--channel", "nowhere") == 2
    found = steersman.json("content", "preview", "content/one.md", "--channel", "site")
    assert [(one["channel"], one["graphemes"], one["problems"] != []) for one in found] == [("site", 28, True)]


def test_a_text_for_a_channel_that_is_not_there_is_noted(desk: Path, steersman: Said) -> None:
    write_draft(desk, variants="{hok: Short.}")
    steersman("content", "preview", "one", "--channel", "site")
    assert "`variants: hok` is for no channel; declared: " in " ".join(steersman.out.split())


def test_a_preview_makes_up_nothing_about_a_channel_that_cannot_be_asked(desk: Path, steersman: Said) -> None:
    write_draft(desk)
    assert steersman("content", "preview", "one") == 1
    hook = next(one for one in steersman.json("content", "preview", "one") if one["channel"] == "hook")
    assert (hook["title"], hook["body"], hook["text"]) == ("", "", "")
    assert "HOOK_SECRET is not set" in hook["problems"][0]


def test_a_channel_without_its_secret_stops_no_other_and_is_named(desk: Path, steersman: Said) -> None:
    write_draft(desk)
    assert steersman("content", "publish", "--yes") == 1
    assert "https://example.com/posts/one.html" in steersman.out
    assert "HOOK_SECRET is not set" in steersman.out
    rows = steersman.json("content", "posts")
    assert [(row["key"], row["status"]) for row in rows] == [("site/one", "published")]
    assert steersman("content", "publish", "--channel", "hook", "--yes") == 2
    assert "[channel.hook]" in steersman.err


def test_unpublishing_shows_asks_and_does_it(desk: Path, steersman: Said) -> None:
    write_draft(desk)
    steersman("content", "publish", "--channel", "site", "--yes")
    assert steersman("content", "unpublish", "content/one.md", "--dry-run") == 0
    assert "out as https://example.com/posts/one.html" in steersman.out
    assert steersman("content", "unpublish", "content/one.md") == 1, "nobody is there to ask"
    assert "--yes" in steersman.err
    assert (desk / "site" / "posts" / "one.html").exists()
    assert steersman("content", "delete", "content/one.md", "--yes", "--reason", "wrong day") == 0
    assert not (desk / "site" / "posts" / "one.html").exists()
    assert steersman("content", "posts") == 0
    assert "deleted" in steersman.out
    assert "wrong day" in steersman.out
    assert steersman("content", "unpublish", "content/one.md", "--yes") == 0
    assert "nothing of it is out" in steersman.out


def test_no_posts_yet_teaches_the_next_step(desk: Path, steersman: Said) -> None:
    assert steersman("content", "posts") == 0
    assert "content publish --dry-run" in steersman.out


def test_late_posts_and_a_silent_worker_are_seen_where_people_look(desk: Path, steersman: Said) -> None:
    with opened(desk) as found:
        late = PostOverdue(key="site/one", channel="site", draft="content/one.md", due_at=1, reason="blocked", at=2)
        silent = WorkerSeen(last_seen_at=1, waiting=2, reason="the publishing worker is silent for 50 s", at=3)
        found.ledger.append(
            [new_event("content.post.overdue", stream="post/site/one", data=late, actor="desk", now_ns=2)]
        )
        found.ledger.append([new_event(WORKER_SILENT, stream=STREAM, data=silent, actor="core", now_ns=3)])
    assert steersman("status") == 0
    assert "content/one.md on site: blocked" in steersman.out
    assert "the publishing worker is silent for 50 s" in " ".join(steersman.out.split())
    told = {one["name"]: one for one in steersman.json("doctor")}
    assert (told["overdue"]["level"], told["publishing"]["level"]) == ("fail", "fail")
    assert told["channel hook"]["level"] == "fail"
    (row,) = steersman.json("content", "posts")
    assert (row["status"], row["overdue_reason"]) == ("waiting", "blocked")
