"""The few requests of `wp/v2` that publishing needs, each with what its answers mean."""

from __future__ import annotations

import base64
import html
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import urlencode

from steersman.content.adapters.http import Answer, Http
from steersman.content.adapters.wordpress.settings import WordPressSettings
from steersman.content.ports import Media
from steersman.kernel.errors import Misconfigured, Rejected, Unavailable

STATUSES: Final = ("publish", "private", "future", "pending", "draft", "trash")
# Without `rendered` a site need not run every plugin over a post each time we look at it.
_POST: Final = {
    "context": "edit",
    "_fields": "id,slug,status,link,modified_gmt,title.raw,excerpt.raw,content.raw,tags",
}
_NO_LOGIN: Final = (
    "check user and password: it must be an application password (Users > Profile), the site must use https, and the "
    "web server must hand the Authorization header on to PHP"
)
_FORBIDDEN: Final = "rest_forbidden_status"
# WordPress answers 500 for a file or a name it will not take, 501 for a trash that is switched off: a plain no, all.
_NOS: Final = frozenset(
    {
        "empty_term_name",
        "db_insert_error",
        "rest_upload_unknown_error",
        "rest_upload_sideload_error",
        "rest_trash_not_supported",
    }
)


class Api:
    """One user of one site. Everything it returns is decoded JSON, as WordPress answers with `context=edit`."""

    def __init__(self, settings: WordPressSettings, password: str) -> None:
        """Set up; nothing is sent."""
        login = base64.b64encode(f"{settings.user}:{password}".encode()).decode("ascii")
        self._root = settings.root
        self._http = Http(
            settings.root,
            name="wordpress",
            authorization=f"Basic {login}",
            secret=password,
            timeout_s=settings.timeout_s,
        )

    def post(self, identifier: str) -> dict[str, Any] | None:
        """Return the post with this id; None if there is none."""
        answer = self._ask(f"posts/{identifier}", **_POST)
        return None if answer.status in (404, 410) else self._one(answer)

    def posts(self, slugs: list[str]) -> list[dict[str, Any]]:
        """Return the posts with one of these slugs, whatever their status, as far as the user may edit them."""
        return self._many("posts", slug=",".join(slugs), status=",".join(STATUSES), per_page="100", **_POST)

    def create(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Make a draft.

        Raises:
            OutcomeUnknown: there may be a draft.
        """
        return self._one(self._http.change("POST", self._path("posts", **_POST), json=fields))

    def change(self, identifier: int, fields: dict[str, Any]) -> dict[str, Any]:
        """Change a post.

        Raises:
            OutcomeUnknown: it may be changed.
        """
        answer = self._http.change("POST", self._path(f"posts/{identifier}", **_POST), json=fields)
        if answer.status in (404, 410):
            raise Unavailable(f"{answer.what}: it was deleted meanwhile", fix="tried again by itself, from the start")
        return self._one(answer)

    def delete(self, identifier: int, *, for_good: bool) -> None:
        """Take a post away, or move it to the trash; one that is gone (404) or in the trash (410) is success."""
        force = {"force": "true"} if for_good else {}
        answer = self._http.change("DELETE", self._path(f"posts/{identifier}", **force), nos=_NOS)
        if answer.status not in (200, 404, 410):
            raise self._http.rejected(
                answer, fix='write on_delete = "erase" if the site has no trash, or delete it by hand'
            )

    def comments(self, identifier: int) -> int:
        """Return how many approved comments a post has."""
        answer = self._ask("comments", post=str(identifier), per_page="1", _fields="id")
        total = answer.headers.get("x-wp-total", "")
        if not total.isdecimal():
            raise self._http.unavailable(answer)
        return int(total)

    def term(self, kind: str, name: str) -> int:
        """Return the id of a tag or category (`kind`: tags, categories), made if there is none of that name.

        Asking to make it is how to find it: the search of WordPress misses names with an ampersand.
        """
        try:
            # Names are HTML to WordPress: what is not escaped may vanish.
            answer = self._http.change(
                "POST", self._path(kind), json={"name": html.escape(name, quote=False)}, nos=_NOS
            )
        except Misconfigured as refused:
            return self._known_term(kind, name, refused)
        if answer.status < 300:
            return int(self._one(answer)["id"])
        told = answer.json()
        if isinstance(told, dict) and told.get("code") == "term_exists":
            return int(told["data"]["term_id"])
        raise self._http.rejected(answer, fix=f"write another name than {name[:60]!r} among the {kind}")

    def _known_term(self, kind: str, name: str, refused: Misconfigured) -> int:
        found = self._many(kind, search=html.escape(name, quote=False), per_page="100")
        wanted = name.strip().casefold()
        for term in found:
            if html.unescape(str(term.get("name"))).casefold() == wanted:
                return int(term["id"])
        raise Rejected(
            f"there is no {name!r} among the site's {kind}, and this user may not make it",
            fix="make it in WordPress, give the user the role of an editor, or leave it out",
        ) from refused

    def media(self, media: Media, content: bytes) -> dict[str, Any]:
        """Return the item of the site's library that is this file, uploaded if it is not there, with its text set.

        Its slug is the file's hash: a crash after the upload leaves what the next call finds.
        """
        slug = f"steersman-{media.sha256[:32]}"
        found = sorted(self._many("media", slug=f"{slug},{slug}-2", context="edit"), key=lambda one: int(one["id"]))
        if not found:
            return self._upload(media, content, slug)
        if found[0].get("alt_text") == media.alt:
            return found[0]
        path = self._path(f"media/{found[0]['id']}", context="edit")
        return self._one(self._http.change("POST", path, json={"alt_text": media.alt}))

    def _upload(self, media: Media, content: bytes, slug: str) -> dict[str, Any]:
        name = PurePosixPath(media.name)
        answer = self._http.change(
            "POST",
            self._path("media", context="edit"),
            files={"file": (f"{media.sha256[:32]}{name.suffix.lower()}", content, media.mime)},
            data={"slug": slug, "title": name.stem, "alt_text": media.alt},
            nos=_NOS,
        )
        if answer.status >= 300:
            raise self._http.rejected(
                answer, fix=f"make {media.name} smaller or another type; WordPress will not take it"
            )
        return self._one(answer)

    # -- requests ------------------------------------------------------------------------------------------------

    def _path(self, resource: str, **params: str) -> str:
        query = urlencode(params, safe=",")
        return f"wp/v2/{resource}" + (f"{'&' if '?' in self._root else '?'}{query}" if query else "")

    def _ask(self, resource: str, **params: str) -> Answer:
        answer = self._http.ask(self._path(resource, **params), judged=(401,))
        # A login that is wrong is nobody to WordPress, and nobody may not ask for drafts: 400 for a list, 401 for one.
        if answer.status == 401 or (answer.status == 400 and _FORBIDDEN.encode() in answer.body):
            raise Misconfigured("wordpress: the login was not accepted", fix=_NO_LOGIN)
        return answer

    def _many(self, resource: str, **params: str) -> list[dict[str, Any]]:
        answer = self._ask(resource, **params)
        found = answer.json()
        if answer.status != 200 or not isinstance(found, list):
            raise Unavailable(
                f"{answer.what}: answered {answer.status}{self._http.said(answer)}",
                fix="check base_url; open it with ?rest_route=/ in a browser: it must show JSON",
            )
        return found

    def _one(self, answer: Answer) -> dict[str, Any]:
        found = answer.json()
        if answer.status >= 300:
            raise self._http.rejected(answer)
        if not isinstance(found, dict) or "id" not in found:
            raise self._http.unknown(answer.what, "answered with something else than what was asked for")
        return found
