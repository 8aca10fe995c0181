"""Upload a draft's text, wait for its scores. One draft is one document: nothing is sent again by itself."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from steersman.ai import Redactor
from steersman.ai.addresses import place, wrong_with
from steersman.content.adapters.doubts import without_effect
from steersman.content.adapters.grammarly.settings import GrammarlySettings
from steersman.content.adapters.grammarly.wire import (
    MAX_BYTES,
    MAX_CHARACTERS,
    MIN_WORDS,
    SCOPES,
    StatusJson,
    TokenJson,
    TransactionJson,
    percent,
)
from steersman.content.adapters.http import Answer, Http
from steersman.content.deadline import Deadline
from steersman.content.model.draft import Draft
from steersman.content.ports import Review
from steersman.content.reviewers.readable import plain_text
from steersman.kernel.clock import Clock
from steersman.kernel.durations import seconds
from steersman.kernel.errors import Misconfigured, Rejected, Unavailable
from steersman.services.credentials.addresses import is_inside

T = TypeVar("T")
_TIMEOUT_S: Final = 30.0
_LONGEST_UPLOAD_S: Final = 300.0
_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,200}")


class GrammarlyReviewer:
    """Scores of whole documents. The text goes without code, addresses and secrets; Grammarly keeps it up to a day."""

    kind = "grammarly"

    def __init__(
        self,
        name: str,
        settings: GrammarlySettings,
        secret: str,
        redactor: Redactor,
        clock: Clock,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """Set up; `wait` lets so many seconds go by: really, unless another is given."""
        self.name = name
        self._settings = settings
        self._secret = secret
        self._redactor = redactor
        self._clock = clock
        self._wait = wait or threading.Event().wait
        self._token = ""

    @property
    def asks_first(self) -> bool:
        return not (self._settings.is_local or self._settings.remote)

    def announcement(self, draft: Draft) -> str:
        return f"{len(self._text(draft)):,} characters to Grammarly at {place(self._settings.base_url)}, for scores"

    def review(self, draft: Draft) -> Review:
        raw = self._document(draft)
        if not self._token:
            self._token = self._log_in()
        api = self._http(self._settings.base_url, authorization=f"Bearer {self._token}")
        # The name of the file says nothing about the draft.
        made = self._decode(
            self._sent(api, "POST", "/ecosystem/api/v2/scores", json={"filename": "draft.txt"}), TransactionJson
        )
        if not _ID.fullmatch(made.score_request_id):
            raise self._strange("an id that is no part of an address")
        self._upload(made.file_upload_url, raw)
        return Review(scores=self._scores(api, made.score_request_id))

    def _text(self, draft: Draft) -> str:
        return self._redactor.redact(plain_text(draft)).text

    def _document(self, draft: Draft) -> bytes:
        if draft.language.split("-")[0] != "en":
            raise Rejected(
                f"{self.name}: it scores English, and this draft is in {draft.language!r}", fix="leave it out"
            )
        text = self._text(draft)
        raw = text.encode("utf-8", "replace")
        if draft.words < MIN_WORDS:
            raise Rejected(
                f"{self.name}: it scores {MIN_WORDS} words and more, and these are {draft.words}", fix="write on"
            )
        if len(text) > MAX_CHARACTERS or len(raw) > MAX_BYTES:
            raise Rejected(
                f"{self.name}: it takes {MAX_CHARACTERS:,} characters and 4 MB, and these are {len(text):,} characters",
                fix="split the draft",
            )
        return raw

    def _log_in(self) -> str:
        """Fetch a token by client credentials (RFC 6749 section 4.4)."""
        http = self._http(self._settings.auth_url)
        form = {
            "grant_type": "client_credentials",
            "client_id": self._settings.client_id,
            "client_secret": self._secret,
            "scope": SCOPES,
        }
        answer = self._sent(http, "POST", "", data=form)
        if answer.status >= 300:
            raise Misconfigured(
                f"{self.name}: no token for this client ({answer.status})",
                fix="check client_id, client_secret and the scopes scores-api:read and scores-api:write",
            )
        return self._decode(answer, TokenJson).access_token

    def _upload(self, url: str, raw: bytes) -> None:
        # It was named by the other side: the text goes over https, or stays on this machine as the API does.
        if wrong_with(url.partition("?")[0]) or (is_inside(url) and not self._settings.is_local):
            raise self._strange("an upload address that no text should go to")
        import httpx2  # start-up time: only what goes out needs it

        try:
            # Without the token: the address itself carries the right to write there, for two minutes.
            with (
                httpx2.Client(timeout=_TIMEOUT_S, trust_env=False, follow_redirects=False) as client,
                Deadline(_LONGEST_UPLOAD_S) as end,
                client.stream(
                    "PUT",
                    url,
                    content=raw,
                    headers={"Content-Type": "text/plain"},
                    extensions={"trace": end.watch},
                ) as answer,
            ):
                status = answer.status_code  # its words are nobody's business
        except httpx2.HTTPError as exc:
            raise Unavailable(
                f"{self.name}: the upload did not arrive ({type(exc).__name__})", fix="ask again later"
            ) from exc
        if status >= 300:
            raise Unavailable(f"{self.name}: the upload was refused ({status})", fix="ask again later")

    def _scores(self, api: Http, request_id: str) -> dict[str, float]:
        place_of_scores = f"/ecosystem/api/v2/scores/{request_id}"
        until = self._clock.elapsed_ns() + int(seconds(self._settings.timeout) * 1e9)
        while True:
            with without_effect():
                answer = api.ask(place_of_scores)
            status = self._decode(answer, StatusJson)
            if status.status == "FAILED":
                raise Unavailable(f"{self.name}: it could not score this text (FAILED)", fix="ask again later")
            if status.status == "COMPLETED":
                return self._percent(status)
            if self._clock.elapsed_ns() >= until:
                raise Unavailable(
                    f"{self.name}: no score within {self._settings.timeout} (PENDING)",
                    fix="raise its timeout, or ask again: that is another document",
                )
            self._wait(seconds(self._settings.poll_every))

    def _percent(self, status: StatusJson) -> dict[str, float]:
        if status.score is None:
            raise Rejected(
                f"{self.name}: it gave this text no score; it scores {MIN_WORDS} words and more", fix="write on"
            )
        try:
            found = percent(status.score)
        except ValueError as exc:
            raise self._strange(f"a {exc} that is not between 0 and 1") from exc
        if not found:
            raise self._strange("a score without any figure")
        return found

    def _sent(self, http: Http, method: str, path: str, **sent: Any) -> Answer:
        with without_effect():
            return http.change(method, path, **sent)

    def _decode(self, answer: Answer, kind: type[T]) -> T:
        if answer.status >= 300:
            raise Unavailable(f"{self.name}: answered {answer.status}", fix="ask again later")
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except msgspec.DecodeError as exc:
            raise self._strange("something else than its documentation says") from exc

    def _strange(self, what: str) -> Unavailable:
        return Unavailable(f"{self.name}: answered with {what}", fix="check base_url; if it stays, tell us")

    def _http(self, url: str, authorization: str = "") -> Http:
        secret = self._token or self._secret
        return Http(url, name=self.name, authorization=authorization, secret=secret, timeout_s=_TIMEOUT_S)


def create(
    *,
    name: str,
    settings: GrammarlySettings,
    secret: Callable[[str], str],
    redactor: Redactor,
    clock: Clock,
    **_: Any,
) -> GrammarlyReviewer:
    """Set up; nobody is called yet.

    Raises:
        Misconfigured: the client's secret cannot be read.
    """
    return GrammarlyReviewer(name, settings, secret(settings.client_secret), redactor, clock)
