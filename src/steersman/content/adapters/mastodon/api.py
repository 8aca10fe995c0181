"""The few requests that publishing needs, each with what its answers mean."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import quote

from steersman.content.adapters.http import Answer, Http
from steersman.content.adapters.mastodon.settings import MastodonSettings
from steersman.content.ports import Media
from steersman.kernel.errors import Misconfigured, Rejected, Unavailable

Status = dict[str, Any]
_PAGE: Final = 40
_MOST_PAGES: Final = 500
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 8.0


class Api:
    """One account on one server."""

    def __init__(self, settings: MastodonSettings, token: str, *, wait: Callable[[float], None] = time.sleep) -> None:
        """Set up; nothing is sent.

        Args:
            wait: lets seconds pass while the server prepares a picture.
        """
        self._settings = settings
        self._wait = wait
        self._account = ""
        self._http = Http(
            settings.base_url,
            name="mastodon",
            authorization=f"Bearer {token}",
            secret=token,
            timeout_s=settings.timeout_s,
        )

    def account(self) -> str:
        """Return the id of the account whose token it is; asked once."""
        if not self._account:
            self._account = str(self._one(self._http.ask("api/v1/accounts/verify_credentials"))["id"])
        return self._account

    def instance(self) -> object:
        """Return what the server says about itself, by the old address if it knows no newer one."""
        answer = self._http.ask("api/v2/instance")
        return (self._http.ask("api/v1/instance") if answer.status == 404 else answer).json()

    def status(self, identifier: str) -> Status | None:
        """Return the status with this id; None if there is none, or it is somebody else's."""
        answer = self._http.ask(f"api/v1/statuses/{quote(identifier, safe='')}")
        if answer.status in (404, 410):
            return None
        found = self._one(answer)
        return found if str(found["account"]["id"]) == self.account() else None

    def statuses(self) -> Iterator[Status]:
        """Yield the account's own statuses, newest first, without boosts and replies to others."""
        params = {"limit": str(_PAGE), "exclude_reblogs": "true", "exclude_replies": "true"}
        path = f"api/v1/accounts/{self.account()}/statuses"
        for _ in range(_MOST_PAGES):
            answer = self._http.ask(path, params=params)
            page = answer.json()
            if answer.status != 200 or not isinstance(page, list):
                raise self._http.unavailable(answer)
            yield from page
            # A page may be short of its limit and not be the last one: filters come after the cut.
            if not page:
                return
            last = str(page[-1]["id"])
            if last == params.get("max_id"):
                break
            params["max_id"] = last
        raise Unavailable(
            "mastodon: the list of own statuses has no end", fix="check base_url: this may be no Mastodon server"
        )

    def source(self, identifier: str) -> str | None:
        """Return the text of a status as it was written; None if it is gone.

        Raises:
            Misconfigured: the server does not give it out, so that nothing could be told apart.
        """
        answer = self._http.ask(f"api/v1/statuses/{quote(identifier, safe='')}/source")
        if answer.status == 200:
            return str(self._one(answer)["text"])
        if answer.status in (404, 410) and self.status(identifier) is None:
            return None
        raise Misconfigured(
            f"{answer.what}: answered {answer.status}: this server does not tell the source of a status",
            fix="use a server with Mastodon 3.5 or newer, and a token with the scope read:statuses",
        )

    def versions(self, identifier: str) -> list[str]:
        """Return the HTML of every version of a status, the first one first; empty if it is gone."""
        answer = self._http.ask(f"api/v1/statuses/{quote(identifier, safe='')}/history")
        if answer.status in (404, 410):
            return []
        return [str(one.get("content", "")) for one in answer.json()]

    def create(self, fields: dict[str, Any], key: str) -> Status | None:
        """Make a status. The same key within about an hour gives the status it gave before, None if that was deleted.

        Raises:
            OutcomeUnknown: it may be out.
        """
        answer = self._http.change("POST", "api/v1/statuses", json=fields, headers={"Idempotency-Key": key})
        return None if answer.status == 404 else self._one(answer)

    def change(self, identifier: str, fields: dict[str, Any]) -> Status:
        """Edit a status.

        Raises:
            OutcomeUnknown: it may be changed.
            Unavailable: it was deleted meanwhile.
        """
        answer = self._http.change("PUT", f"api/v1/statuses/{quote(identifier, safe='')}", json=fields)
        if answer.status in (404, 410):
            raise Unavailable(f"{answer.what}: it was deleted meanwhile", fix="tried again by itself, from the start")
        return self._one(answer)

    def delete(self, identifier: str) -> None:
        """Delete a status; one that is gone is success."""
        answer = self._http.change("DELETE", f"api/v1/statuses/{quote(identifier, safe='')}")
        if answer.status not in (200, 404, 410):
            raise self._http.rejected(answer, fix="delete it by hand")

    def upload(self, media: Media, content: bytes) -> str:
        """Return the id of a picture that is ready to be attached.

        Raises:
            Unavailable: it is still being prepared after `media_wait`.
            Rejected: the server will not take it.
        """
        name = f"{media.sha256[:16]}{PurePosixPath(media.name).suffix.lower()}"
        answer = self._http.change(
            "POST",
            "api/v2/media",
            files={"file": (name, content, media.mime)},
            data={"description": media.alt},
        )
        if answer.status not in (200, 202):
            raise self._http.rejected(answer, fix=f"make {media.name} smaller or another type")
        identifier = str(self._one(answer)["id"])
        if answer.status == 202:
            self._until_ready(identifier, media.name)
        return identifier

    def _until_ready(self, identifier: str, name: str) -> None:
        waited, pause = 0.0, _FIRST_PAUSE_S
        while waited < self._settings.media_wait_s:
            self._wait(pause)
            waited, pause = waited + pause, min(2 * pause, _LONGEST_PAUSE_S)
            answer = self._http.ask(f"api/v1/media/{identifier}")
            if answer.status == 200:
                return
            if answer.status != 206:
                raise Rejected(
                    f"{answer.what}: answered {answer.status}{self._http.said(answer)}",
                    fix=f"look at {name}: the server could not read it",
                )
        raise Unavailable(f"mastodon: {name} is still being prepared after {waited:g} s", fix="tried again by itself")

    def _one(self, answer: Answer) -> dict[str, Any]:
        found = answer.json()
        if answer.status >= 300:
            raise self._http.rejected(answer)
        if not isinstance(found, dict):
            raise self._http.unknown(answer.what, "answered with something else than what was asked for")
        return found
