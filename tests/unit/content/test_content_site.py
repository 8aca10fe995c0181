"""The site: safe pages, a feed that readers accept, commits of its own, clear refusals."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import feedparser
import msgspec
import pytest
from tests.builders_channels import a_png
from tests.builders_content import SITE, a_post, commits

from steersman.content.adapters.site import SiteChannel
from steersman.content.adapters.site import pages as pages_module
from steersman.content.html import to_html
from steersman.content.ports import Media, Post
from steersman.kernel.errors import Corrupt, Misconfigured, Rejected, Unavailable

NO_GIT = msgspec.structs.replace(SITE, git=False)


def a_site(root: Path, *posts: Post, git: bool = False) -> SiteChannel:
    channel = SiteChannel(settings=SITE if git else NO_GIT, root=root)
    for post in posts:
        channel.publish(post)
    return channel


def test_the_feed_is_valid_and_shows_every_post_newest_first(tmp_path: Path) -> None:
    a_site(
        tmp_path,
        a_post("old", title="Old & <odd>", tags=("a & b",), summary='It\'s "short"'),
        a_post("new", published_at=1_700_100_000_000_000_000, updated_at=1_700_200_000_000_000_000),
    )
    feed = feedparser.parse((tmp_path / "site" / "feed.xml").read_bytes())
    assert (feed.bozo, feed.version) == (False, "atom10")
    assert feed.feed.title == "Notes"
    assert feed.feed.author == "A. Author"
    assert feed.feed.updated == "2023-11-17T05:46:40Z"
    assert feed.feed.id == "https://example.com/notes/"
    assert [e.link for e in feed.entries] == [f"https://example.com/notes/posts/{s}.html" for s in ("new", "old")]
    assert feed.entries[0].id == "tag:example.com,2023-11-16:site/new"
    assert feed.entries[1].title == "Old & <odd>"
    assert feed.entries[1].tags[0].term == "a & b"
    assert feed.entries[1].content[0].value == "<p>Some <em>words</em>.</p>"
    assert (feed.entries[0].published, feed.entries[0].updated) == ("2023-11-16T02:00:00Z", "2023-11-17T05:46:40Z")


def test_an_entry_keeps_its_id_when_it_is_updated(tmp_path: Path) -> None:
    channel = a_site(tmp_path, a_post())
    before = feedparser.parse((tmp_path / "site" / "feed.xml").read_bytes()).entries
    channel.publish(a_post(body="New.\n", title="New title", updated_at=1_700_200_000_000_000_000))
    after = feedparser.parse((tmp_path / "site" / "feed.xml").read_bytes()).entries
    assert [e.id for e in before] == [e.id for e in after]
    assert after[0].updated > before[0].updated


def test_the_index_leads_to_every_post_and_pages_lead_back(tmp_path: Path) -> None:
    a_site(tmp_path, a_post("one"), a_post("two"))
    index = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    page = (tmp_path / "site" / "posts" / "one.html").read_text(encoding="utf-8")
    assert 'href="posts/one.html"' in index
    assert 'href="posts/two.html"' in index
    assert 'href="../index.html"' in page
    assert 'href="../style.css"' in page
    assert "<script" not in index + page


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("a <b onclick=x>b</b>", "<p>a &lt;b onclick=x&gt;b&lt;/b&gt;</p>\n"),
        ("[a](javascript:alert(1))", "<p>[a](javascript:alert(1))</p>\n"),
        ("before <!-- private --> after", "<p>before  after</p>\n"),
        ("<!-- private -->\n\nafter", "\n<p>after</p>\n"),
        ("before\n\n<!-- private\nand more", "<p>before</p>\n"),
        ("`<!-- shown -->`", "<p><code>&lt;!-- shown --&gt;</code></p>\n"),
    ],
)
def test_html_in_a_draft_is_text_and_its_comments_stay_private(markdown: str, html: str) -> None:
    assert to_html(markdown) == html


def test_a_title_with_markup_is_text(tmp_path: Path) -> None:
    a_site(tmp_path, a_post(title="<script>x</script>"))
    for name in ("index.html", "posts/one.html", "feed.xml"):
        assert "<script>" not in (tmp_path / "site" / name).read_text(encoding="utf-8")


def test_characters_no_xml_may_hold_do_not_break_the_feed(tmp_path: Path) -> None:
    a_site(tmp_path, a_post(title="A\x0bB \x1b", body="C\x0c\x08 \ufffe\n"))
    feed = feedparser.parse((tmp_path / "site" / "feed.xml").read_bytes())
    assert (feed.bozo, len(feed.entries), feed.entries[0].title) == (False, 1, "AB")


def test_a_feed_that_lost_a_post_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = a_site(tmp_path, a_post("one"))
    real = pages_module.build

    def losing(records: list[pages_module.Record], settings: object) -> dict[str, bytes]:
        return real(records[:1], SITE)

    monkeypatch.setattr("steersman.content.adapters.site.channel.build", losing)
    with pytest.raises(Corrupt, match="1 entries for 2 posts"):
        channel.publish(a_post("two"))
    assert channel.lookup(a_post("two")) is None


def test_no_comment_and_no_draft_text_is_left_in_the_folder(tmp_path: Path) -> None:
    a_site(tmp_path, a_post(body="Shown. <!-- private note -->\n"), git=True)
    files = [p for p in (tmp_path / "site").rglob("*") if p.is_file() and ".git" not in p.parts]
    assert files
    assert not any(b"private note" in p.read_bytes() for p in files)


def test_an_address_belongs_to_one_key(tmp_path: Path) -> None:
    channel = a_site(tmp_path, a_post("one"))
    with pytest.raises(Rejected, match="belongs to site/one"):
        channel.publish(a_post("one", key="site/other"))


def test_commits_carry_key_author_and_date_whatever_this_machine_wants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    (hooks / "pre-commit").chmod(0o755)
    (home / ".gitconfig").write_text(
        f"[commit]\n\tgpgsign = true\n[core]\n\thooksPath = {hooks}\n[user]\n\tname = Somebody Else\n", encoding="utf-8"
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    a_site(tmp_path, a_post(), git=True)
    monkeypatch.delenv("GIT_DIR")
    shown = subprocess.run(
        ["git", "log", "--format=%an|%ae|%at|%s"], cwd=tmp_path / "site", capture_output=True, text=True, check=True
    ).stdout
    assert shown == "A. Author|desk@localhost|1700000000|Publish Post one\n"
    assert commits(tmp_path / "site") == ["site/one"]


def test_a_workspace_under_git_is_not_committed_to(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    a_site(tmp_path, a_post(), git=True)
    assert commits(tmp_path / "site") == ["site/one"]
    outer = subprocess.run(
        ["git", "rev-parse", "-q", "--verify", "HEAD"], cwd=tmp_path, check=False, capture_output=True
    )
    assert outer.returncode != 0


def test_a_machine_without_git_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Misconfigured, match="git is not installed") as caught:
        a_site(tmp_path, a_post(), git=True)
    assert "git = false" in caught.value.fix
    monkeypatch.undo()
    a_site(tmp_path, a_post(), git=True)
    assert commits(tmp_path / "site") == ["site/one"]


def test_a_git_of_somebody_else_that_is_at_work_is_not_disturbed(tmp_path: Path) -> None:
    channel = a_site(tmp_path, a_post("one"), git=True)
    (tmp_path / "site" / ".git" / "index.lock").touch()
    with pytest.raises(Unavailable, match=r"index\.lock"):
        channel.publish(a_post("two"))


def test_broken_records_are_not_mistaken_for_an_empty_site(tmp_path: Path) -> None:
    channel = a_site(tmp_path, a_post("one"))
    (tmp_path / "site" / ".posts" / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(Corrupt, match="records cannot be read"):
        channel.publish(a_post("two"))


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "site").write_text("a file", encoding="utf-8")
    with pytest.raises(Unavailable, match="cannot be written"):
        a_site(tmp_path, a_post())


# -- pictures, deletion, remotes --------------------------------------------------------------------------------------

PNG = a_png()


def a_picture(root: Path, content: bytes = PNG) -> Media:
    path = root / f"{hashlib.sha256(content).hexdigest()}.png"
    path.write_bytes(content)
    return Media(
        name="a b.png", path=str(path), alt="A point", mime="image/png", sha256=path.stem, size_bytes=len(content)
    )  # fmt: skip


def test_pictures_are_shown_from_the_sites_own_folder_and_go_with_their_last_post(tmp_path: Path) -> None:
    media = a_picture(tmp_path)
    one, two = (a_post(slug, "![A point](a%20b.png)\n", media=(media,)) for slug in ("one", "two"))
    channel = a_site(tmp_path, one, two)
    (shown,) = (tmp_path / "site" / "media").iterdir()
    assert shown.read_bytes() == PNG
    page = (tmp_path / "site" / "posts" / "one.html").read_text(encoding="utf-8")
    assert f'<img src="../media/{shown.name}" alt="A point"' in page
    channel.delete(one)
    assert shown.exists()
    channel.delete(two)
    assert not shown.exists()


def test_a_deleted_post_leaves_page_feed_and_index_and_a_commit_says_so(tmp_path: Path) -> None:
    channel = a_site(tmp_path, a_post("one"), a_post("two"), git=True)
    channel.delete(a_post("one"))
    assert not (tmp_path / "site" / "posts" / "one.html").exists()
    feed = feedparser.parse((tmp_path / "site" / "feed.xml").read_bytes())
    assert [entry.link.rpartition("/")[2] for entry in feed.entries] == ["two.html"]
    assert "one.html" not in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert commits(tmp_path / "site") == ["site/one", "site/two", "site/one"]
    channel.delete(a_post("one"))
    assert len(commits(tmp_path / "site")) == 3, "nothing there is success, and no further commit"
    channel.publish(a_post("one"))
    assert subject(tmp_path / "site") == "Publish Post one"
    channel.publish(a_post("one", body="New.\n"))
    assert subject(tmp_path / "site") == "Update Post one"


def test_deleting_on_a_site_that_is_not_there_makes_none(tmp_path: Path) -> None:
    a_site(tmp_path, git=True).delete(a_post())
    assert not (tmp_path / "site").exists()


def test_a_site_of_the_first_version_is_read_as_it_is(tmp_path: Path) -> None:
    channel = a_site(tmp_path, a_post())
    (path,) = (path for path in (tmp_path / "site" / ".posts").iterdir() if path.name != "manifest.json")
    told = msgspec.json.decode(path.read_bytes())
    del told["media"]
    path.write_bytes(msgspec.json.encode(told))
    found = channel.lookup(a_post())
    assert found is not None
    assert found.content_sha256 == a_post().content_sha256


def pushing(root: Path) -> SiteChannel:
    return SiteChannel(settings=msgspec.structs.replace(SITE, remote="origin"), root=root)


def test_a_post_is_out_once_it_is_pushed_and_a_push_that_fails_is_made_up_for(tmp_path: Path) -> None:
    a_site(tmp_path, a_post("first"), git=True)
    channel, bare = pushing(tmp_path), tmp_path / "remote.git"
    with pytest.raises(Unavailable, match="git push"):
        channel.publish(a_post("second"))
    assert channel.lookup(a_post("second")) is None, "committed here, and not out there"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    subprocess.run(["git", "remote", "add", "origin", str(bare)], cwd=tmp_path / "site", check=True)
    published = channel.publish(a_post("second"))
    assert channel.lookup(a_post("second")) == published
    assert len(commits(tmp_path / "site")) == 2
    head = subprocess.run(
        ["git", "--git-dir", str(bare), "rev-parse", "main"], capture_output=True, text=True, check=True
    )
    assert head.stdout.strip() == published.revision
    channel.delete(a_post("second"))
    shown = ["git", "--git-dir", str(bare), "log", "-1", "--format=%s", "main"]
    log = subprocess.run(shown, capture_output=True, text=True, check=True)
    assert log.stdout.strip() == "Delete Post second"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"remote": "--upload-pack=x"}, "remote"),
        ({"remote": "origin", "git": False}, "remote"),
        ({"branch": ""}, "branch"),
    ],
)
def test_a_remote_is_a_name_and_needs_git(tmp_path: Path, changes: dict[str, object], field: str) -> None:
    found = msgspec.structs.replace(SITE, **changes).problems(tmp_path)
    assert [name for name, _, _ in found] == [field]


def subject(site: Path) -> str:
    return subprocess.run(
        ["git", "log", "-1", "--format=%s"], cwd=site, capture_output=True, text=True, check=True
    ).stdout.strip()
