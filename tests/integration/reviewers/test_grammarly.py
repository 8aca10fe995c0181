"""A local server of ours that answers as Grammarly documents its Writing Score API 2; the real one was never asked."""

from __future__ import annotations

from typing import Any

import pytest
from tests.builders_content import a_draft
from tests.local_server import Asked, LocalServer, Reply, reply

from steersman.ai import Redactor
from steersman.content.adapters.grammarly.reviewer import GrammarlyReviewer
from steersman.content.adapters.grammarly.settings import GrammarlySettings
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Misconfigured, Rejected, SteersmanError, Unavailable

SCORE = {"general_score": 0.86, "engagement": 0.9, "correctness": 0.75, "delivery": 1, "clarity": 0.8}
BODY = "Some words that go on. " * 10


class Grammarly:
    """The documented answers; `instead` replaces that of one step: token, create, upload or score."""

    def __init__(self, *, pending: int = 0, instead: dict[str, Reply] | None = None, score: Any = SCORE) -> None:
        self._pending = pending
        self._instead = instead or {}
        self._scores = score
        self.url = ""
        self.sent = ""
        self.steps: list[str] = []

    def __call__(self, asked: Asked) -> Reply:
        step = {
            ("POST", "/oauth2/token"): "token",
            ("POST", "/ecosystem/api/v2/scores"): "create",
            ("PUT", "/upload"): "upload",
            ("GET", "/ecosystem/api/v2/scores/id-1"): "score",
        }[asked.method, asked.path.partition("?")[0]]
        self.steps.append(step)
        return self._instead.get(step) or getattr(self, f"_{step}")(asked)

    def _token(self, asked: Asked) -> Reply:
        assert asked.form == {
            "grant_type": "client_credentials",
            "client_id": "me",
            "client_secret": "client-secret-1",
            "scope": "scores-api:read,scores-api:write",
        }
        return reply({"access_token": "access-token-1", "token_type": "bearer", "expires_in": 3600})

    def _create(self, asked: Asked) -> Reply:
        assert asked.headers["authorization"] == "Bearer access-token-1"
        assert asked.json == {"filename": "draft.txt"}
        return reply({"score_request_id": "id-1", "file_upload_url": f"{self.url}/upload?signature=abc"})

    def _upload(self, asked: Asked) -> Reply:
        assert "authorization" not in asked.headers
        assert asked.path.endswith("?signature=abc")
        return Reply(body=b"")

    def _score(self, asked: Asked) -> Reply:
        assert asked.headers["authorization"] == "Bearer access-token-1"
        if self.steps.count("score") <= self._pending:
            return reply({"score_request_id": "id-1", "status": "PENDING", "updated_at": "2026-11-30T00:00:00Z"})
        return reply({"score_request_id": "id-1", "status": "COMPLETED", "score": self._scores})


def scored(
    service: Grammarly, body: str = BODY, *, draft: dict[str, Any] | None = None, **fields: Any
) -> dict[str, float]:
    clock = FakeClock()
    with LocalServer(service) as server:
        service.url = server.url
        settings = GrammarlySettings(
            client_id="me",
            client_secret="env:X",
            base_url=server.url,
            auth_url=f"{server.url}/oauth2/token",
            **fields,
        )
        reviewer = GrammarlyReviewer("gr", settings, "client-secret-1", Redactor(), clock, wait=clock.advance)
        scores = dict(reviewer.review(a_draft(body, **(draft or {}))).scores)
        uploads = [asked.body.decode() for asked in server.asked if asked.method == "PUT"]
        assert len(uploads) == 1
        service.sent = uploads[0]
        return scores


def test_scores_come_after_token_upload_and_polling() -> None:
    service = Grammarly(pending=3)
    assert scored(service) == {"general": 86, "engagement": 90, "correctness": 75, "delivery": 100, "clarity": 80}
    assert service.steps == ["token", "create", "upload", *["score"] * 4]


def test_the_document_is_what_a_reader_reads_without_secrets() -> None:
    service = Grammarly()
    scored(service, f"# Heading\n\n{BODY}\n\nSee [this](https://internal.example) `code()`, DU1234567 and **that**.\n")
    assert service.sent.startswith("A title\n\nHeading\n\nSome words")
    assert "See this code, [redacted] and that." in service.sent
    assert "internal.example" not in service.sent


def test_another_guide_calls_the_fourth_score_tone() -> None:
    assert scored(Grammarly(score={"general_score": 0.5, "tone": 0.25})) == {"general": 50, "tone": 25}


FAULTS: dict[str, tuple[Grammarly, type[SteersmanError], str]] = {
    "client refused": (Grammarly(instead={"token": reply({"error": "invalid_client"}, 401)}), Misconfigured, "401"),
    "scope refused": (Grammarly(instead={"token": reply({"error": "invalid_scope"}, 400)}), Misconfigured, "scopes"),
    "no token": (Grammarly(instead={"token": reply({"ok": True})}), Unavailable, "documentation"),
    "not entitled": (Grammarly(instead={"create": reply({"message": "no"}, 403)}), Misconfigured, "403"),
    "too often": (Grammarly(instead={"create": reply({}, 429, Retry_After="2")}), Unavailable, "429"),
    "failure": (Grammarly(instead={"create": reply({}, 500)}), Unavailable, "500"),
    "upload to a stranger": (
        Grammarly(instead={"create": reply({"score_request_id": "id-1", "file_upload_url": "http://example.com/x"})}),
        Unavailable, "upload address",
    ),
    "id that is a path": (
        Grammarly(instead={"create": reply({"score_request_id": "../../x", "file_upload_url": "https://e.example"})}),
        Unavailable, "no part of an address",
    ),
    "upload expired": (Grammarly(instead={"upload": Reply(status=403)}), Unavailable, "upload was refused (403)"),
    "upload cut off": (Grammarly(instead={"upload": Reply(how="reset")}), Unavailable, "upload did not arrive"),
    "failed": (Grammarly(instead={"score": reply({"status": "FAILED"})}), Unavailable, "FAILED"),
    "never ready": (Grammarly(pending=10_000), Unavailable, "no score within 3m"),
    "null score": (Grammarly(score=None), Rejected, "no score"),
    "odd score": (Grammarly(score={"general_score": 86}), Unavailable, "between 0 and 1"),
    "empty score": (Grammarly(score={}), Unavailable, "without any figure"),
    "unknown status": (Grammarly(instead={"score": reply({"status": "DONE"})}), Unavailable, "documentation"),
    "not json": (Grammarly(instead={"score": Reply(body=b"<html>")}), Unavailable, "documentation"),
}  # fmt: skip


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_failure_is_said_without_secrets(fault: str) -> None:
    service, kind, says = FAULTS[fault]
    with pytest.raises(kind) as error:
        scored(service)
    assert says in str(error.value)
    assert error.value.fix
    assert all(secret not in str(error.value) for secret in ("client-secret-1", "access-token-1", "signature=abc"))


@pytest.mark.parametrize(
    ("body", "fields", "says"),
    [
        ("Too short.\n", {}, "30 words"),
        ("Lang genug, aber auf Deutsch. " * 10, {"language": "de"}, "English"),
        ("many words " * 10_000, {}, "100,000 characters"),
    ],
)
def test_what_it_does_not_score_is_not_sent(body: str, fields: dict[str, Any], says: str) -> None:
    service = Grammarly()
    with pytest.raises(Rejected, match=says):
        scored(service, body, draft=fields)
    assert service.steps == []


@pytest.mark.parametrize("address", ["https://10.0.0.1/x", "https://169.254.169.254/x", "https://localhost/x"])
def test_the_api_out_there_sends_no_text_into_this_network(address: str) -> None:
    settings = GrammarlySettings(kind="grammarly", client_id="x", client_secret="env:X")
    reviewer = GrammarlyReviewer("g", settings, "secret", Redactor(), FakeClock())
    with pytest.raises(Unavailable, match="upload address"):
        reviewer._upload(address, b"words")
