"""A Mastodon as far as the channel `mastodon` uses one: statuses with source and history, pictures that take time.

It answers as the documentation of Mastodon 4 says; no real one was asked. It forgets an Idempotency-Key after an hour.
"""

from __future__ import annotations

import html
import re
import sys
from collections import Counter
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path
from typing import Any, Final

from steersman.bootstrap.proof.platforms.server import Answer, Request, Shelf, json_answer, run
from steersman.content.publishing.graphemes import count as graphemes
from steersman.kernel.clock import Clock, SystemClock, utc

TOKEN: Final = "proof-access-token"  # noqa: S105 - of a server on 127.0.0.1 that holds nothing
SECRETS: Final = {"STEERSMAN_PROOF_MASTODON": TOKEN}
ACCOUNT: Final = "108020000000000001"
_FIRST_ID: Final = 110_000_000_000_000_000
_HOUR: Final = 3600 * 1_000_000_000
_URL: Final = re.compile(r"https?://[^\s<]+")
_MENTION: Final = re.compile(r"@([A-Za-z0-9_]+)@([A-Za-z0-9.-]+)")
_TAG: Final = re.compile(r"(?<![\w/&])#(\w+)")
_MAX_CHARACTERS: Final = 500
_MAX_MEDIA: Final = 4
_MAX_IMAGE: Final = 16 * 1024 * 1024
_MAX_ALT: Final = 1500
_TYPES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")

Json = dict[str, Any]


class _No(Exception):
    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.answer = json_answer({"error": error}, status)


class Mastodon:
    """One account of one server."""

    def __init__(self, state: Path, *, clock: Clock | None = None, polls: int = 1) -> None:
        """Open the state.

        Args:
            clock: of the server.
            polls: how often a picture is asked for before it is ready; 0: at once.
        """
        self._shelf = Shelf(state)
        self._clock = clock or SystemClock()
        self._polls = polls
        self._state: Json = {}
        self._host = ""

    def answer(self, request: Request) -> Answer:
        self._state = self._shelf.read() or {"next": _FIRST_ID, "statuses": [], "media": [], "keys": {}}
        self._host = f"http://{request.headers.get('host', '127.0.0.1')}"
        try:
            answer = self._route(request, request.path.strip("/").split("/"))
        except _No as no:
            answer = no.answer
        self._shelf.write(self._state)
        return answer

    def forget(self) -> None:
        """Forget every idempotency key: an hour has passed."""
        self._state = self._shelf.read()
        if self._state:
            self._state["keys"] = {}
            self._shelf.write(self._state)

    def _route(self, request: Request, route: list[str]) -> Answer:
        if request.method == "GET" and route == ["api", "v2", "instance"]:
            return json_answer(_instance())
        if request.headers.get("authorization", "") != f"Bearer {TOKEN}":
            raise _No(401, "The access token is invalid")
        match [request.method, *route]:
            case ["GET", "api", "v1", "accounts", "verify_credentials"]:
                return json_answer({"id": ACCOUNT, "username": "desk", "acct": "desk"})
            case ["GET", "api", "v1", "accounts", identifier, "statuses"] if identifier == ACCOUNT:
                return self._page(request.query)
            case ["POST", "api", "v1", "statuses"]:
                return json_answer(self._create(request.json(), request.headers.get("idempotency-key", "")))
            case [method, "api", "v1", "statuses", identifier, *part]:
                return json_answer(self._of_status(method, self._mine(identifier), part, request))
            case ["POST", "api", "v2", "media"]:
                return self._upload(request)
            case ["GET", "api", "v1", "media", identifier]:
                return self._prepare(identifier)
        raise _No(404, "Record not found")

    def _of_status(self, method: str, status: Json, part: list[str], request: Request) -> object:
        match [method, *part]:
            case ["GET"]:
                return self._shown(status)
            case ["PUT"]:
                return self._edit(status, request.json())
            case ["DELETE"]:
                self._state["statuses"].remove(status)
                return {**self._shown(status), "text": status["text"]}
            case ["GET", "source"]:
                return {"id": status["id"], "text": status["text"], "spoiler_text": ""}
            case ["GET", "history"]:
                return [{"content": _content(text)} for text in (*status["before"], status["text"])]
        raise _No(404, "Record not found")

    # -- statuses ------------------------------------------------------------------------------------------------

    def _page(self, query: Json) -> Answer:
        limit, before = min(int(query.get("limit", 20)), 40), query.get("max_id", "")
        newest = sorted(self._state["statuses"], key=lambda one: int(one["id"]), reverse=True)
        found = [one for one in newest if not before or int(one["id"]) < int(before)][:limit]
        headers = {}
        if found:
            place = f"{self._host}/api/v1/accounts/{ACCOUNT}/statuses"
            headers["Link"] = (
                f'<{place}?max_id={found[-1]["id"]}>; rel="next", <{place}?min_id={found[0]["id"]}>; rel="prev"'
            )
        return json_answer([self._shown(one) for one in found], headers=headers)

    def _mine(self, identifier: str) -> Json:
        for one in self._state["statuses"]:
            if one["id"] == identifier:
                found: Json = one
                return found
        raise _No(404, "Record not found")

    def _create(self, told: Json, key: str) -> Json:
        known = self._state["keys"].get(key)
        if key and known is not None and self._clock.now_ns() - known["at"] < _HOUR:
            found = next((one for one in self._state["statuses"] if one["id"] == known["id"]), None)
            if found is None:
                raise _No(404, "Record not found")
            return self._shown(found)
        status: Json = {
            "id": self._next(), "key": key, "before": [], "edited_at": None, "created_at": self._now(),
            "visibility": told.get("visibility", "public"), "favourites": 0, "reblogs": 0, "replies": 0,
        }  # fmt: skip
        status |= self._checked(told, status["id"])
        self._state["statuses"].append(status)
        self._state["keys"][key] = {"id": status["id"], "at": self._clock.now_ns()}
        return self._shown(status)

    def _edit(self, status: Json, told: Json) -> Json:
        new = self._checked(told, status["id"])
        if new == {name: status[name] for name in new}:
            return self._shown(status)
        status["before"].append(status["text"])
        status |= {**new, "edited_at": self._now()}
        return self._shown(status)

    def _checked(self, told: Json, identifier: str) -> Json:
        text, wanted = str(told.get("status", "")).strip(), [str(one) for one in told.get("media_ids", [])]
        if not text and not wanted:
            raise _No(422, "Validation failed: Text can't be blank")
        if graphemes(_URL.sub("x" * 23, _MENTION.sub(r"@\1", text))) > _MAX_CHARACTERS:
            raise _No(422, f"Validation failed: Text character limit of {_MAX_CHARACTERS} exceeded")
        if len(wanted) > _MAX_MEDIA:
            raise _No(422, f"Cannot attach more than {_MAX_MEDIA} files")
        by_id = {one["id"]: one for one in self._state["media"]}
        if any(one not in by_id or by_id[one]["status"] not in ("", identifier) for one in wanted):
            raise _No(422, "Media attachment is not yours or is attached already")
        if any(by_id[one]["polls"] > 0 for one in wanted):
            raise _No(422, "Cannot attach files that have not finished processing. Try again in a moment!")
        for one in wanted:
            by_id[one]["status"] = identifier
        return {"text": text, "media": wanted, "language": str(told.get("language", "en"))}

    def _shown(self, status: Json) -> Json:
        by_id = {one["id"]: one for one in self._state["media"]}
        place = f"{self._host}/@desk/{status['id']}"
        return {
            **{name: status[name] for name in ("id", "created_at", "edited_at", "visibility", "language")},
            **{f"{name}_count": status[name] for name in ("favourites", "reblogs", "replies")},
            "url": place, "uri": place, "content": _content(status["text"]), "account": {"id": ACCOUNT, "acct": "desk"},
            "reblog": None, "in_reply_to_id": None,
            "media_attachments": [self._media(by_id[one]) for one in status["media"]],
        }  # fmt: skip

    # -- pictures ------------------------------------------------------------------------------------------------

    def _upload(self, request: Request) -> Answer:
        kind = request.headers.get("content-type", "").encode()
        whole = message_from_bytes(b"Content-Type: " + kind + b"\r\n\r\n" + request.body)
        item: Json = {"id": self._next(), "status": "", "polls": self._polls, "description": ""}
        for part in whole.walk():
            name, content = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
            if not isinstance(content, bytes):
                continue
            if name == "file":
                item |= {"size": len(content), "mime": part.get_content_type()}
            elif name == "description":
                item["description"] = content.decode()
        if item.get("mime") not in _TYPES or item["size"] > _MAX_IMAGE:
            raise _No(422, "Validation failed: File content type is invalid, File is invalid")
        if len(item["description"]) > _MAX_ALT:
            raise _No(422, f"Validation failed: Description is too long (maximum is {_MAX_ALT} characters)")
        self._state["media"].append(item)
        return json_answer(self._media(item), 202 if item["polls"] else 200)

    def _prepare(self, identifier: str) -> Answer:
        for item in self._state["media"]:
            if item["id"] == identifier:
                item["polls"] -= 1 if item["polls"] else 0
                return json_answer(self._media(item), 206 if item["polls"] else 200)
        raise _No(404, "Record not found")

    def _media(self, item: Json) -> Json:
        url = None if item["polls"] else f"{self._host}/media/{item['id']}"
        return {"id": item["id"], "type": "image", "url": url, "description": item["description"]}

    def _next(self) -> str:
        self._state["next"] += 1
        return str(self._state["next"])

    def _now(self) -> str:
        return f"{utc(self._clock.now_ns()):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def _instance() -> Json:
    return {
        "version": "4.3.0",
        "configuration": {
            "statuses": {
                "max_characters": _MAX_CHARACTERS,
                "max_media_attachments": _MAX_MEDIA,
                "characters_reserved_per_url": 23,
            },
            "media_attachments": {
                "supported_mime_types": list(_TYPES),
                "image_size_limit": _MAX_IMAGE,
                "description_limit": _MAX_ALT,
            },
        },
    }


def _content(text: str) -> str:
    """Return the HTML of a status: addresses cut for the eye, mentions without their server, tags as links."""
    found: list[str] = []

    def keep(make: Callable[[re.Match[str]], str]) -> Callable[[re.Match[str]], str]:
        def kept(match: re.Match[str]) -> str:
            found.append(make(match))
            return f"\x00{len(found) - 1}\x00"

        return kept

    shown = _URL.sub(keep(_link), text)
    shown = _MENTION.sub(
        keep(lambda m: f'<a href="https://{m[2]}/@{m[1]}" class="u-url mention">@<span>{m[1]}</span></a>'), shown
    )
    shown = _TAG.sub(keep(lambda m: f'<a href="/tags/{m[1]}" rel="tag">#<span>{m[1]}</span></a>'), shown)
    shown = html.escape(shown, quote=False)
    shown = re.sub("\x00(\\d+)\x00", lambda m: found[int(m[1])], shown)
    paragraphs = re.split(r"\n{2,}", shown)
    return "".join(f"<p>{one}</p>" for one in paragraphs).replace("\n", "<br>")


def _link(match: re.Match[str]) -> str:
    scheme, rest = match[0].split("://", 1)
    seen, hidden = html.escape(rest[:30]), html.escape(rest[30:])
    kind = "ellipsis" if hidden else ""
    return (
        f'<a href="{html.escape(match[0])}" rel="nofollow noopener"><span class="invisible">{scheme}://</span>'
        f'<span class="{kind}">{seen}</span><span class="invisible">{hidden}</span></a>'
    )


def count(state: Path) -> dict[str, int]:
    """Return how many statuses there are under each Idempotency-Key (up to its dash); without one, under their id."""
    return dict(Counter(one["key"].partition("-")[0] or one["id"] for one in Shelf(state).read().get("statuses", [])))


def settings(url: str) -> dict[str, object]:
    """Return what `[channel.NAME]` says to publish on the server at `url`."""
    return {"kind": "mastodon", "base_url": f"{url}/", "token": "env:STEERSMAN_PROOF_MASTODON", "timeout": "5s"}


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM."""
    return run("mastodon", Mastodon, argv)


if __name__ == "__main__":
    sys.exit(main())
