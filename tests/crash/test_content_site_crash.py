"""Cut publishing at each durable step, run it again: one post, one commit with its key, a valid feed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import feedparser
import pytest
from tests.builders_content import SITE, a_publisher, commits, told, write_draft
from tests.builders_crash import Cut, Cuttable, Steps

from steersman.content.adapters.site import SiteChannel
from steersman.ledger import Ledger
from steersman.ledger.adapters.memory import create as memory_ledger

pytestmark = pytest.mark.crash


def publish(root: Path, ledger: Ledger, steps: Steps, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Publish what is there, as a process of its own would; return the outcomes."""
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", steps.wrap(os.replace, "replace"))
        patched.setattr("steersman.content.adapters.site.git.subprocess.run", steps.wrap(subprocess.run, "git"))
        channel = SiteChannel(settings=SITE, root=root)
        publisher = a_publisher(root, Cuttable(ledger, steps, "append"), channel)
        return [outcome.outcome for outcome in publisher.publish_all()]


def entries(root: Path) -> list[str]:
    feed = feedparser.parse((root / "site" / "feed.xml").read_bytes())
    assert not feed.bozo
    return sorted(entry.link.rpartition("/")[2] for entry in feed.entries)


def files(root: Path) -> dict[str, bytes]:
    site = root / "site"
    return {
        p.relative_to(site).as_posix(): p.read_bytes()
        for p in site.rglob("*")
        if p.is_file() and ".git" not in p.relative_to(site).parts
    }


def count_steps(root: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    steps = Steps()
    write_draft(root)
    publish(root, memory_ledger(), steps, monkeypatch)
    return steps.names


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_cut_at_any_step_leaves_one_post_and_one_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    names = count_steps(tmp_path / "whole", monkeypatch)
    assert {"append", "replace", "git"} == set(names)
    assert len(names) >= 12
    expected = files(tmp_path / "whole")
    for cut_at in range(1, len(names) + 1):
        root, ledger = tmp_path / f"cut-{cut_at}", memory_ledger()
        write_draft(root)
        with pytest.raises(Cut):
            publish(root, ledger, Steps(cut_at, after=after), monkeypatch)
        publish(root, ledger, Steps(), monkeypatch)
        where = f"cut at step {cut_at}, {names[cut_at - 1]}"
        assert commits(root / "site") == ["site/one"], where
        assert entries(root) == ["one.html"], where
        assert files(root) == expected, where
        assert [k for k, _ in told(ledger, "content.post.*") if k != "post.sent"] == [
            "post.planned",
            "post.published",
        ], where
        assert publish(root, ledger, Steps(), monkeypatch) == ["unchanged"], where


def test_a_cut_update_leaves_the_old_or_the_new_and_never_a_second_post(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = count_steps(tmp_path / "whole", monkeypatch)
    for cut_at in range(1, len(names) + 1, 2):
        root, ledger = tmp_path / f"cut-{cut_at}", memory_ledger()
        write_draft(root)
        publish(root, ledger, Steps(), monkeypatch)
        write_draft(root, body="Other words.\n")
        with pytest.raises(Cut):
            publish(root, ledger, Steps(cut_at), monkeypatch)
        publish(root, ledger, Steps(), monkeypatch)
        assert commits(root / "site") == ["site/one"] * 2
        assert entries(root) == ["one.html"]
        assert "Other words." in (root / "site" / "posts" / "one.html").read_text(encoding="utf-8")
        assert [k for k, _ in told(ledger, "content.post.*") if k != "post.sent"] == [
            "post.planned",
            "post.published",
        ] * 2


def test_a_post_published_while_another_hangs_half_way_takes_nothing_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = count_steps(tmp_path / "whole", monkeypatch)
    ledger = memory_ledger()
    last_git = len(names) - 2  # the commit: the pages and the manifest are written by then
    one = write_draft(tmp_path, "one.md")
    with pytest.raises(Cut):
        publish(tmp_path, ledger, Steps(last_git), monkeypatch)
    text = one.read_text(encoding="utf-8")
    one.unlink()
    write_draft(tmp_path, "two.md")
    assert publish(tmp_path, ledger, Steps(), monkeypatch) == ["published", "failed"], "nobody finishes without a draft"
    assert entries(tmp_path) == ["two.html"], "what was left half-done is cleared away"
    one.write_text(text, encoding="utf-8")
    assert publish(tmp_path, ledger, Steps(), monkeypatch) == ["published", "unchanged"]
    assert sorted(commits(tmp_path / "site")) == ["site/one", "site/two"]
    assert entries(tmp_path) == ["one.html", "two.html"]


def test_a_process_killed_inside_git_leaves_no_lock_that_stops_the_next(tmp_path: Path) -> None:
    """SIGKILL while git holds its index lock: the next run clears what its own predecessor left, and finishes."""
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    real = subprocess.run(["sh", "-c", "command -v git"], capture_output=True, text=True, check=True).stdout.strip()
    fake.write_text(
        f'#!/bin/sh\ncase "$*" in *" commit "*) touch "{tmp_path}/site/.git/index.lock"; kill -9 $PPID; exit 1;; esac\n'
        f'exec {real} "$@"\n',
        encoding="utf-8",
    )
    fake.chmod(0o755)
    code = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from steersman.content.adapters.site import SiteChannel
        from tests.builders_content import SITE, a_post
        SiteChannel(settings=SITE, root=Path(sys.argv[1])).publish(a_post())
        """
    )
    killed = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env={**os.environ, "PATH": f"{fake.parent}:{os.environ['PATH']}", "PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (tmp_path / "site" / ".git" / "index.lock").exists()
    from tests.builders_content import a_post

    SiteChannel(settings=SITE, root=tmp_path).publish(a_post())
    assert commits(tmp_path / "site") == ["site/one"]
    assert entries(tmp_path) == ["one.html"]
