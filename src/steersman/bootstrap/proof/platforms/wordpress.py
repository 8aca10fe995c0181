"""A WordPress as far as the channel `wordpress` uses one: posts, tags, library, comments.

Answers and error bodies are those of WordPress 6.1; tests/platforms/test_wordpress.py asks both the same. Two users:
an editor, whose HTML is kept, and an author, whose HTML is filtered and who sees no post of others while editing.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import sys
from collections import Counter
from collections.abc import Iterable
from email import message_from_bytes
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from steersman.bootstrap.proof.platforms.server import Answer, Request, Shelf, json_answer, run
from steersman.kernel.clock import Clock, SystemClock, to_ns, utc

EDITOR: Final = "desk"
AUTHOR: Final = "guest"
PASSWORD: Final = "proo fapp lica tion pass word"  # noqa: S105 - of a server on 127.0.0.1 that holds nothing
SECRETS: Final = {"STEERSMAN_PROOF_WORDPRESS": PASSWORD}
_USERS: Final = {EDITOR: 1, AUTHOR: 2}
_UNSLUGGED: Final = re.compile(r"[^a-z0-9]+")
_SCHEME: Final = re.compile(r'(href|src)="(?!https?:|mailto:|/)[a-z]+:', re.IGNORECASE)
_TAGS: Final = re.compile(r"<[^>]*>")
_BLOCK: Final = re.compile(r"<!-- /?wp:[^>]*-->\n?")
_RESERVED: Final = ("feed", "rss2", "atom", "embed")

Json = dict[str, Any]


class _No(Exception):
    def __init__(self, status: int, code: str, message: str, **data: object) -> None:
        super().__init__(code)
        self.answer = json_answer({"code": code, "message": message, "data": {"status": status, **data}}, status)


class WordPress:
    """One site with plain and pretty addresses of its API."""

    def __init__(self, state: Path, *, clock: Clock | None = None) -> None:
        """Open the state.

        Args:
            clock: of the site; it need not be that of whoever asks.
        """
        self._shelf = Shelf(state)
        self._clock = clock or SystemClock()
        self._state: Json = {}
        self._user = 0
        self._host = ""

    def answer(self, request: Request) -> Answer:
        route = request.query.get("rest_route") or request.path.removeprefix("/wp-json")
        if request.path not in ("/", "/index.php") and not request.path.startswith("/wp-json/"):
            return Answer(
                status=404, body=b"<!doctype html><title>Nothing found</title>", headers={"Content-Type": "text/html"}
            )
        self._state = self._shelf.read() or {"next": 1, "posts": [], "terms": [], "media": [], "comments": {}}
        self._user = _who(request.headers.get("authorization", ""))
        self._host = f"http://{request.headers.get('host', '127.0.0.1')}"
        try:
            answer = self._route(request, route.strip("/").split("/"))
        except _No as no:
            return no.answer
        if request.method != "GET":
            self._shelf.write(self._state)
        return answer

    def _route(self, request: Request, route: list[str]) -> Answer:
        match [request.method, *route]:
            case ["GET", "wp", "v2", "posts"]:
                return _listed(self._edited(one) for one in self._find_posts(request.query))
            case ["POST", "wp", "v2", "posts"]:
                return json_answer(self._edited(self._create(request.json())), 201)
            case ["GET", "wp", "v2", "posts", identifier]:
                return json_answer(self._edited(self._mine(identifier)))
            case ["POST", "wp", "v2", "posts", identifier]:
                return json_answer(self._edited(self._update(self._mine(identifier), request.json())))
            case ["DELETE", "wp", "v2", "posts", identifier]:
                return json_answer(self._delete(self._mine(identifier), for_good=request.query.get("force") == "true"))
            case ["GET", "wp", "v2", "tags" | "categories" as kind]:
                return _listed(self._find_terms(kind, request.query.get("search", "")))
            case ["POST", "wp", "v2", "tags" | "categories" as kind]:
                return json_answer(_term(self._add_term(kind, str(request.json()["name"]))), 201)
            case ["GET", "wp", "v2", "media"]:
                slugs = request.query.get("slug", "").split(",")
                return _listed(one for one in self._state["media"] if one["slug"] in slugs)
            case ["POST", "wp", "v2", "media"]:
                return json_answer(self._upload(request), 201)
            case ["POST", "wp", "v2", "media", identifier]:
                return json_answer(self._retitle(identifier, request.json()))
            case ["GET", "wp", "v2", "comments"]:
                count = self._state["comments"].get(request.query.get("post", ""), 0)
                return json_answer([{"id": 1}] * min(count, 1), headers={"X-WP-Total": str(count)})
        raise _No(404, "rest_no_route", "No route was found matching the URL and request method.")

    # -- posts ---------------------------------------------------------------------------------------------------

    def _find_posts(self, query: Json) -> list[Json]:
        statuses = query.get("status", "publish").split(",")
        if not self._user and statuses != ["publish"]:
            details = {
                "status": {"code": "rest_forbidden_status", "message": "Status is forbidden.", "data": {"status": 401}}
            }
            raise _No(
                400, "rest_invalid_param", "Invalid parameter(s): status",
                params={"status": "Status is forbidden."}, details=details,
            )  # fmt: skip
        slugs = query.get("slug", "").split(",")
        found = [
            p for p in self._state["posts"] if p["slug"] in slugs and p["status"] in statuses and self._may_edit(p)
        ]
        return sorted(found, key=lambda one: (one["date_gmt"], one["id"]), reverse=True)

    def _mine(self, identifier: str) -> Json:
        found: Json | None = next((one for one in self._state["posts"] if str(one["id"]) == identifier), None)
        if found is None:
            raise _No(404, "rest_post_invalid_id", "Invalid post ID.")
        if not self._may_edit(found):
            raise _No(
                401 if not self._user else 403,
                "rest_forbidden_context",
                "Sorry, you are not allowed to edit this post.",
            )
        return found

    def _may_edit(self, post: Json) -> bool:
        return self._user == _USERS[EDITOR] or (self._user != 0 and self._user == post["author"])

    def _create(self, told: Json) -> Json:
        if not self._user:
            raise _No(401, "rest_cannot_create", "Sorry, you are not allowed to create posts as this user.")
        now = self._now()
        post: Json = {
            "id": self._next(), "author": self._user, "status": "draft", "slug": "", "date_gmt": now,
            "title": "", "excerpt": "", "content": "", "tags": [], "categories": [], "featured_media": 0,
            "requested": told.get("slug", ""),
        }  # fmt: skip
        self._state["posts"].append(post)
        return self._update(post, told)

    def _update(self, post: Json, told: Json) -> Json:
        for name in ("title", "excerpt", "content"):
            if name in told:
                post[name] = told[name] if self._user == _USERS[EDITOR] else _filtered(told[name])
        post |= {
            name: told[name] for name in ("tags", "categories", "featured_media", "date_gmt", "status") if name in told
        }
        if post["status"] in ("publish", "future"):
            # Up to a minute ahead is now: nobody schedules seconds.
            ahead = to_ns(utc(0).fromisoformat(f"{post['date_gmt']}+00:00")) - self._clock.now_ns()
            post["status"] = "future" if ahead >= 60_000_000_000 else "publish"
        if told.get("slug") or not post["slug"]:
            post["slug"] = self._unique(told.get("slug") or _slug(post["title"]) or str(post["id"]), post)
        post["modified_gmt"] = self._now()
        return post

    def _unique(self, wanted: str, post: Json) -> str:
        others = {one["slug"] for one in (*self._state["posts"], *self._state["media"]) if one is not post}
        taken = {*others, *_RESERVED}
        return next(s for s in (wanted, *(f"{wanted}-{n}" for n in range(2, 10_000))) if s not in taken)

    def _delete(self, post: Json, *, for_good: bool) -> Json:
        if for_good:
            self._state["posts"].remove(post)
            return {"deleted": True, "previous": self._edited(post)}
        if post["status"] == "trash":
            raise _No(410, "rest_already_trashed", "The post has already been deleted.")
        post["status"], post["slug"] = "trash", self._unique(f"{post['slug']}__trashed", post)
        return self._edited(post)

    def _edited(self, post: Json) -> Json:
        """Return a post as `context=edit` shows it."""
        day = post["date_gmt"][:10].replace("-", "/")
        link = f"{self._host}/{day}/{post['slug']}/" if post["status"] == "publish" else f"{self._host}/?p={post['id']}"
        whole = {
            name: {"raw": post[name], "rendered": _rendered(post[name])} for name in ("title", "excerpt", "content")
        }
        return {**{name: value for name, value in post.items() if name != "requested"}, **whole, "link": link}

    # -- terms, library ------------------------------------------------------------------------------------------

    def _find_terms(self, kind: str, search: str) -> list[Json]:
        # Names are kept escaped and searched as they are asked for: an ampersand is never found.
        found = (one for one in self._state["terms"] if one["kind"] == kind)
        return [_term(one) for one in found if search.casefold() in one["name"].casefold()]

    def _add_term(self, kind: str, name: str) -> Json:
        if not self._user:
            raise _No(401, "rest_cannot_create", "Sorry, you are not allowed to create terms in this taxonomy.")
        escaped = html.escape(html.unescape(_TAGS.sub("", name).strip()), quote=False)
        if not escaped:
            raise _No(500, "empty_term_name", "A name is required for this term.")
        for one in self._state["terms"]:
            if one["kind"] == kind and one["name"].casefold() == escaped.casefold():
                message = "A term with the name provided already exists in this taxonomy."
                raise _No(400, "term_exists", message, term_id=one["id"])
        if self._user == _USERS[AUTHOR] and kind == "categories":
            raise _No(403, "rest_cannot_create", "Sorry, you are not allowed to create terms in this taxonomy.")
        self._state["terms"].append({"id": self._next(), "kind": kind, "name": escaped})
        made: Json = self._state["terms"][-1]
        return made

    def _upload(self, request: Request) -> Json:
        if not self._user:
            raise _No(401, "rest_cannot_create", "Sorry, you are not allowed to create posts as this user.")
        kind = request.headers.get("content-type", "").encode()
        whole = message_from_bytes(b"Content-Type: " + kind + b"\r\n\r\n" + request.body)
        fields: dict[str, str] = {}
        item: Json = {"id": self._next(), "slug": "", "author": self._user}
        for part in whole.walk():
            name, content = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
            if part.get_filename() and isinstance(content, bytes):
                item |= {"file": str(part.get_filename()), "mime_type": part.get_content_type(), "size": len(content)}
            elif name and isinstance(content, bytes):
                fields[str(name)] = content.decode()
        if "size" not in item:
            raise _No(400, "rest_upload_no_data", "No data supplied.")
        if not item["size"]:
            raise _No(500, "rest_upload_unknown_error", "File is empty. Please upload something more substantial.")
        if item["mime_type"] not in ("image/png", "image/jpeg", "image/gif", "image/webp"):
            raise _No(500, "rest_upload_unknown_error", "Sorry, you are not allowed to upload this file type.")
        item["slug"] = self._unique(fields.get("slug") or _slug(item["file"]), item)
        item["alt_text"] = fields.get("alt_text", "")
        item["source_url"] = f"{self._host}/wp-content/uploads/{item['id']}-{item['file']}"
        self._state["media"].append(item)
        return item

    def _retitle(self, identifier: str, told: Json) -> Json:
        for item in self._state["media"]:
            if str(item["id"]) == identifier:
                item |= {name: told[name] for name in ("alt_text",) if name in told}
                found: Json = item
                return found
        raise _No(404, "rest_post_invalid_id", "Invalid post ID.")

    def _next(self) -> int:
        self._state["next"] += 1
        return int(self._state["next"])

    def _now(self) -> str:
        return f"{utc(self._clock.now_ns()):%Y-%m-%dT%H:%M:%S}"


def _who(authorization: str) -> int:
    """Return the user; a login that is wrong is nobody, without a word about it."""
    kind, _, text = authorization.partition(" ")
    try:
        user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return 0
    return _USERS.get(user, 0) if kind == "Basic" and password == PASSWORD else 0


def _slug(text: str) -> str:
    return _UNSLUGGED.sub("-", text.rsplit(".", 1)[0].lower()).strip("-")


def _filtered(text: str) -> str:
    """Return HTML as it is kept for users without `unfiltered_html`: bare ampersands and odd schemes are rewritten."""
    return _SCHEME.sub(r'\1="', re.sub(r"&(?!#?\w+;)", "&amp;", text))


def _rendered(raw: str) -> str:
    """Return text as a reader gets it: no block comments, quotes made typographic."""
    shown = _BLOCK.sub("", raw)
    return re.sub(r'(?<=[\s>])"([^"<>]*)"', r"&#8220;\1&#8221;", shown)


def _term(one: Json) -> Json:
    return {"id": one["id"], "name": one["name"], "taxonomy": one["kind"]}


def _listed(found: Iterable[Json]) -> Answer:
    whole = list(found)
    return json_answer(whole, headers={"X-WP-Total": str(len(whole))})


def count(state: Path) -> dict[str, int]:
    """Return how many posts there are under each slug they were asked for; forgotten drafts count too."""
    posts = Shelf(state).read().get("posts", [])
    return dict(Counter(one["requested"] for one in posts if one["status"] != "trash"))


def settings(url: str) -> dict[str, object]:
    """Return what `[channel.NAME]` says to publish on the site at `url`."""
    return {
        "kind": "wordpress",
        "base_url": f"{urlsplit(url)._replace(path='/').geturl()}",
        "user": EDITOR,
        "password": "env:STEERSMAN_PROOF_WORDPRESS",
        "timeout": "5s",
    }


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM."""
    return run("wordpress", WordPress, argv)


if __name__ == "__main__":
    sys.exit(main())
