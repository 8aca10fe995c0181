"""A real WordPress: the contract of channels, what only a real site does, and a process that is killed half-way."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from tests.builders_channels import a_picture
from tests.builders_content import a_post
from tests.contracts import test_channel as contract
from tests.contracts.channels.local import Open
from tests.platforms.wordpress_site import FILES, RealWordPress, wordpress

from steersman.bootstrap.proof.platforms import wordpress as ours
from steersman.bootstrap.proof.platforms.server import Server
from steersman.content.adapters.wordpress import WordPressChannel, create
from steersman.content.adapters.wordpress.settings import WordPressSettings
from steersman.content.ports import Post
from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import Misconfigured, Rejected

pytestmark = [
    pytest.mark.platform,
    pytest.mark.skipif(
        not FILES.is_dir(), reason="no WordPress here: apt-get install wordpress php-mysql mariadb-server"
    ),
]

_PRETTY = "/%year%/%monthnum%/%day%/%postname%/"
_KILLED = """
import sys
from pathlib import Path
import msgspec
from steersman.content.adapters import http
from steersman.content.adapters.wordpress import create
from steersman.content.adapters.wordpress.settings import WordPressSettings
from steersman.content.ports import Post

settings, post, number, when = sys.argv[1:]
asked, send = 0, http.Http._send

def cut(self, method, path, **sent):
    global asked
    asked += 1
    if asked == int(number) and when == "before":
        __import__("os").kill(__import__("os").getpid(), 9)
    answer = send(self, method, path, **sent)
    if asked == int(number) and when == "after":
        __import__("os").kill(__import__("os").getpid(), 9)
    return answer

http.Http._send = cut
channel = create(
    settings=msgspec.json.decode(settings, type=WordPressSettings), root=Path(),
    secret=lambda name: __import__("os").environ[name.removeprefix("env:")],
)
channel.publish(msgspec.json.decode(post, type=Post))
"""
"""Publishes a post and kills itself before or after one of its requests: what was asked is done by then."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealWordPress]:
    with wordpress(tmp_path_factory.mktemp("wordpress")) as running:
        running.permalinks(_PRETTY)
        yield running


@pytest.fixture(scope="module")
def passwords(site: RealWordPress) -> dict[str, str]:
    return {
        user: site.password(user, role)
        for user, role in (("admin", "administrator"), ("editor", "editor"), ("author", "author"))
    }


def settings(site: RealWordPress, user: str = "editor", **fields: Any) -> WordPressSettings:
    # What the contract publishes is named alike in every test: the trash would keep its addresses.
    given = {"base_url": f"{site.url}/", "user": user, "on_delete": "erase", **fields}
    return msgspec.convert(given, WordPressSettings)


def channel(site: RealWordPress, passwords: dict[str, str], user: str = "editor", **fields: Any) -> WordPressChannel:
    return create(settings=settings(site, user, **fields), root=Path(), secret=lambda _: passwords[user])


@pytest.fixture(params=["editor, rest_route", "author, wp-json", "admin, plain permalinks"])
def reopen(request: pytest.FixtureRequest, site: RealWordPress, passwords: dict[str, str]) -> Iterator[Open]:
    """Return how a later process gets at the same site; it is emptied of what the contract publishes."""
    user, _, style = request.param.partition(", ")
    api = f"{site.url}/wp-json/" if style == "wp-json" else ""
    site.permalinks("" if style == "plain permalinks" else _PRETTY)
    site.php("empty.php")
    yield lambda: channel(site, passwords, user, api=api)
    site.permalinks(_PRETTY)


for _name, _test in vars(contract).items():
    if _name.startswith("test_"):
        globals()[_name] = _test
"""The same promises as every other channel's, with the fixture of this file."""


@pytest.mark.parametrize("user", ["editor", "author"])
def test_what_a_reader_sees_is_the_draft(
    site: RealWordPress, passwords: dict[str, str], tmp_path: Path, user: str
) -> None:
    picture = a_picture(tmp_path, shade=1 if user == "editor" else 2)
    body = (
        "A *first* line\nand a soft break, [odd](foo:bar).\n\n[gallery]\n\n```py\nx = '[audio]'\n\nhttps://youtu.be/x\n```\n\n"
        "![A curve](images/curve.png)\n\n| a |\n|--:|\n| 1 |\n"
    )
    slug = f"seen-by-{user}"
    post = a_post(slug, body, title="T <b> & “q” 🚀", summary="S & <i>", tags=("R&D", "Épée"), media=(picture,))
    published = channel(site, passwords, user).publish(post)
    assert channel(site, passwords, user).lookup(post) == published
    page = httpx2.get(published.url).text
    assert "<em>first</em> line\nand a soft break" in page
    assert "T &lt;b&gt; &amp; “q” 🚀" in page
    assert "&#091;gallery]" in page
    assert "&#091;audio]" in page
    assert "<iframe" not in page
    assert 'alt="A curve"' in page
    assert 'style="text-align:right"' in page
    image = page.split('alt="A curve"')[0].rpartition('src="')[2].partition('"')[0]
    assert httpx2.get(image).content == Path(picture.path).read_bytes()


def test_two_pictures_and_their_tags_stay_two_through_many_revisions(
    site: RealWordPress, passwords: dict[str, str], tmp_path: Path
) -> None:
    media = (a_picture(tmp_path, shade=11), a_picture(tmp_path, "cover.png", "A ship", shade=12))
    before = site.php("library.php").split()
    for number in range(3):
        post = a_post("revised", f"![x](images/curve.png) {number}\n", tags=("R&D", "one"), media=media)
        channel(site, passwords).publish(post)
    after = site.php("library.php").split()
    assert int(after[0]) - int(before[0]) == 2
    assert int(after[1]) - int(before[1]) <= 2


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_killed_at_every_request_leaves_one_post(
    site: RealWordPress, passwords: dict[str, str], tmp_path: Path, when: str
) -> None:
    picture = a_picture(tmp_path, shade=30 if when == "before" else 31)
    for number in range(1, 20):
        slug = f"killed-{when}-{number:03d}"
        post = a_post(slug, "![x](images/curve.png) words\n", tags=(slug,), media=(picture,))
        command = [sys.executable, "-c", _KILLED, *_told(site, post), str(number), when]
        environment = {"WORDPRESS_PASSWORD": passwords["editor"], "PATH": ""}
        done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
        again = channel(site, passwords)
        if again.lookup(post) is None:
            again.publish(post)
        found = again.lookup(post)
        assert found is not None
        assert found.content_sha256 == post.content_sha256
        assert site.posts()[slug] == 1
        if done.returncode != -signal.SIGKILL:
            assert done.returncode == 0, done.stderr
            assert number > 5
            return
    raise AssertionError("more than 19 requests for one post")


def _told(site: RealWordPress, post: Post) -> tuple[str, str]:
    return msgspec.json.encode(settings(site)).decode(), msgspec.json.encode(post).decode()


def test_an_address_of_somebody_else_is_refused_without_a_trace(site: RealWordPress, passwords: dict[str, str]) -> None:
    channel(site, passwords, "admin").publish(a_post("taken", key="other/taken"))
    for user in ("editor", "author"):
        with pytest.raises(Rejected, match="not free; WordPress offers taken-2"):
            channel(site, passwords, user).publish(a_post("taken"))
    assert site.posts()["taken"] == 1
    assert "taken-2" not in site.posts()


def test_a_plan_ahead_of_the_sites_clock_is_out_at_once(site: RealWordPress, passwords: dict[str, str]) -> None:
    ahead = SystemClock().now_ns() + 7200 * 1_000_000_000
    post = a_post("ahead", published_at=ahead)
    published = channel(site, passwords).publish(post)
    assert channel(site, passwords).lookup(post) == published
    assert httpx2.get(published.url).status_code == 200


def test_the_trash_gives_a_post_back_under_its_id_and_address(site: RealWordPress, passwords: dict[str, str]) -> None:
    trashing = channel(site, passwords, on_delete="trash")
    first = trashing.publish(a_post("thrown"))
    for _ in range(2):
        trashing.delete(a_post("thrown"))
    assert httpx2.get(first.url).status_code == 404
    again = trashing.publish(a_post("thrown"))
    assert (again.remote_id, again.url) == (first.remote_id, first.url)


def test_an_edit_by_hand_is_seen(site: RealWordPress, passwords: dict[str, str]) -> None:
    published = channel(site, passwords).publish(a_post("edited"))
    site.php("edit.php", published.remote_id, "Words by hand.")
    found = channel(site, passwords).lookup(a_post("edited", remote_id=published.remote_id))
    assert found is not None
    assert found.content_sha256 == ""


@pytest.mark.parametrize("user", ["editor", "nobody"])
def test_a_refused_login_is_told_apart_from_a_site_that_is_away(site: RealWordPress, user: str) -> None:
    refused = create(settings=settings(site, user), root=Path(), secret=lambda _: "wrong")
    with pytest.raises(Misconfigured, match="login was not accepted"):
        refused.publish(a_post("refused"))


@pytest.mark.parametrize("user", ["editor", "author"])
def test_our_own_server_answers_like_this_one(
    site: RealWordPress, passwords: dict[str, str], tmp_path: Path, user: str
) -> None:
    """Ask both the same and compare status, error code and the fields the channel reads."""
    site.php("empty.php")
    with Server(ours.WordPress(tmp_path)) as server:
        name = ours.EDITOR if user == "editor" else ours.AUTHOR
        real = _asked(site.url, (user, passwords[user]), user)
        assert _asked(server.url, (name, ours.PASSWORD), user) == real
    assert [status for status, *_ in real[:3]] == [400, 401, 401]


def _asked(url: str, login: tuple[str, str], word: str) -> list[tuple[object, ...]]:
    """Return what a site says to everything the channel may ask, without ids, times and addresses.

    Args:
        word: makes names of tags new to a site that keeps them.
    """
    found: list[tuple[object, ...]] = []
    ids: dict[str, int] = {}

    def ask(method: str, route: str, auth: tuple[str, str] | None = login, **sent: Any) -> None:
        route = route.format(**ids)
        params = {"rest_route": f"/wp/v2/{route}", **sent.pop("params", {})}
        answer = httpx2.request(method, f"{url}/", params=params, auth=auth, timeout=30, **sent)
        told = answer.json()
        if answer.status_code == 201:
            ids[route] = told["id"]
        found.append((answer.status_code, *_read(told)))

    every = {"status": "publish,private,future,pending,draft,trash", "context": "edit", "per_page": "100"}
    ask("GET", "posts", None, params={**every, "slug": "a"})
    ask("POST", "posts", None, json={"title": "x"})
    ask("POST", "tags", None, json={"name": "x"})
    draft = {"title": "A & b", "excerpt": "", "slug": "a", "status": "draft", "date_gmt": "2023-11-14T22:13:20"}
    ask("POST", "posts", json={**draft, "content": '<p>A & b &amp; <a href="foo:bar">c</a></p>'})
    ids["first"] = ids["posts"]
    ask("POST", "posts", json={**draft, "content": "x", "date_gmt": "2023-11-15T22:13:20"})
    ask("GET", "posts", params={**every, "slug": "a,a-2,a__trashed"})
    ask("DELETE", "posts/{posts}", params={"force": "true"})
    ask("DELETE", "posts/{posts}", params={"force": "true"})
    ask("POST", "posts/{first}", params={"context": "edit"}, json={"status": "publish", "slug": "a"})
    ask("POST", "posts/{first}", json={"status": "publish", "date_gmt": "2099-01-01T00:00:00"})
    ask("POST", "posts/{first}", json={"status": "publish", "date_gmt": "2023-01-01T00:00:00"})
    ask("DELETE", "posts/{first}")
    ask("DELETE", "posts/{first}")
    ask("GET", "posts", params={**every, "slug": "a,a-2,a__trashed"})
    ask("POST", "posts/{first}", json={"status": "publish", "slug": "a"})
    ask("POST", "tags", json={"name": f"Q&A {word}"})
    ask("POST", "tags", json={"name": f"q&a {word}"})
    ask("GET", "tags", params={"search": f"Q&A {word}"})
    ask("POST", "categories", json={"name": f"Z&Z {word}"})
    ask("POST", "tags", json={"name": "<t>"})
    ask("POST", "tags", json={"name": f"&lt;{word}&gt;"})
    ask("GET", "comments", params={"post": "1000000", "per_page": "1", "_fields": "id"})
    ask("POST", "media", files={"file": ("a.svg", b"<svg/>", "image/svg+xml")})
    ask("POST", "media", data={"slug": "x"}, files={"file": ("a.png", b"", "image/png")})
    ask("GET", "nothing")
    return found


def _read(told: object) -> tuple[object, ...]:
    if isinstance(told, list):
        return tuple(part for one in told for part in _read(one))
    assert isinstance(told, dict)
    if "code" in told:
        return (told["code"], "term_id" in (told["data"] or {}))
    if "deleted" in told:
        return (told["deleted"], *_read(told["previous"]))
    raw = tuple(told[name]["raw"] for name in ("title", "excerpt", "content") if name in told)
    return (told.get("slug") if "title" in told else "", told.get("status", ""), told.get("name", ""), *raw)
