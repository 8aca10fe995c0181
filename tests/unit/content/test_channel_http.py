"""The HTTP client of all channels: when to come back, what is certain, and what never shows in a message."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest
from tests.dripping_server import dripping

from steersman.bootstrap.proof.platforms.server import Answer as Given
from steersman.bootstrap.proof.platforms.server import Fault, Request, Server, json_answer
from steersman.content.adapters.http import Answer, Http
from steersman.kernel.errors import Misconfigured, OutcomeUnknown, Unavailable

_SECRET = "a-very-secret-word"
_DATE = "Mon, 30 Nov 2026 12:00:00 GMT"


class Echo:
    """Says what it was sent, the login too."""

    def answer(self, request: Request) -> Given:
        if request.path == "/large":
            return Given(body=b"x" * 33_000_000)
        return json_answer({"message": f"You sent {request.headers.get('authorization', '')}\x1b[31m\n!"}, 422)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(Echo()) as running:
        yield running


def client(url: str) -> Http:
    return Http(f"{url}/", name="echo", authorization=f"Bearer {_SECRET}", secret=_SECRET, timeout_s=0.3)


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({"retry-after": "120"}, 120.0),
        ({"retry-after": "Mon, 30 Nov 2026 12:01:30 GMT", "date": _DATE}, 90.0),
        ({"retry-after": "Mon, 30 Nov 2026 11:00:00 GMT", "date": _DATE}, 0.0),
        ({"x-ratelimit-reset": "2026-11-30T12:05:00.000Z", "date": _DATE}, 300.0),
        ({"ratelimit-reset": "1796040060", "date": _DATE}, 60.0),
        ({"retry-after": "Mon, 30 Nov 2026 12:01:30 GMT"}, None),
        ({"retry-after": "soon", "date": _DATE}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "9" * 40}, None),
        ({}, None),
    ],
)
def test_when_to_come_back_is_read_in_every_form(headers: dict[str, str], wanted: float | None) -> None:
    assert Answer(what="x", status=429, headers=headers, body=b"").retry_after_s == wanted


def test_the_secret_and_control_characters_stay_out_of_messages(server: Server) -> None:
    http = client(server.url)
    answer = http.change("POST", "x?q=private+words", json={})
    shown = str(http.rejected(answer))
    assert _SECRET not in shown
    assert "Bearer ***" in shown
    assert "\x1b" not in shown
    assert "private" not in shown
    assert _SECRET not in repr(http)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(how="reset"), OutcomeUnknown),
        (Fault(how="refuse"), OutcomeUnknown),
        (Fault(how="silent"), OutcomeUnknown),
        (Fault(how="garbled"), OutcomeUnknown),
        (Fault(how="answer", status=408), OutcomeUnknown),
        (Fault(how="answer", status=500), OutcomeUnknown),
        (Fault(how="answer", status=503, headers={"Retry-After": "5"}), OutcomeUnknown),
        (Fault(how="answer", status=429), Unavailable),
        (Fault(how="answer", status=403), Misconfigured),
        (Fault(how="answer", status=307, headers={"Location": "/elsewhere"}), Misconfigured),
    ],
)
def test_a_change_is_in_doubt_unless_it_certainly_had_no_effect(
    server: Server, fault: Fault, error: type[Exception]
) -> None:
    server.add(fault)
    with pytest.raises(error) as raised:
        client(server.url).change("POST", "x", json={})
    assert type(raised.value) is error
    assert len(server.requests) == 1


def test_a_question_is_never_in_doubt(server: Server) -> None:
    for fault in (Fault(how="reset"), Fault(how="silent"), Fault(how="answer", status=502)):
        server.add(fault)
        with pytest.raises(Unavailable) as raised:
            client(server.url).ask("x")
        assert type(raised.value) is Unavailable


def test_an_answer_without_end_is_none(server: Server) -> None:
    with pytest.raises(Unavailable, match="no answer"):
        client(server.url).ask("large")


def test_an_address_nobody_listens_at_is_certainly_without_effect() -> None:
    with pytest.raises(Unavailable) as raised:
        client("http://127.0.0.1:9").change("POST", "x", json={})
    assert type(raised.value) is Unavailable


def test_a_packed_answer_is_not_unpacked() -> None:
    """A few kilobytes of it may be gigabytes; nobody asked for it."""

    class Packed:
        asked = ""

        def answer(self, request: Request) -> Given:
            self.asked = request.headers.get("accept-encoding", "")
            return Given(body=gzip.compress(gzip.compress(b"{}")), headers={"Content-Encoding": "gzip, gzip"})

    app = Packed()
    with Server(app) as server:
        with pytest.raises(Unavailable, match="packed"):
            client(server.url).ask("x")
        with pytest.raises(OutcomeUnknown, match="no whole answer"):
            client(server.url).change("POST", "x", json={})
    assert app.asked == "identity"


def test_headers_that_drip_are_given_no_more_time_than_a_body() -> None:
    with dripping() as base, pytest.raises(OutcomeUnknown, match="no whole answer"):
        client(base).change("POST", "x", json={})


class _Repeating:
    """Refuses, and repeats everything it was told: the login, and the words."""

    def answer(self, request: Request) -> Given:
        said = request.json().get("status", "") if request.body else ""
        login = request.headers.get("authorization", "")
        return json_answer({"error": f"Validation failed: Text {said!r} is too long (login {login})"}, 422)


@pytest.mark.parametrize("login", ["Basic ZGVzazpwYXNzd29yZA==", "Bearer a-very-secret-word"])
def test_a_platform_that_repeats_everything_tells_no_secret_and_no_draft(login: str) -> None:
    with Server(_Repeating()) as server:
        http = Http(f"{server.url}/", name="x", authorization=login, secret="password", timeout_s=2)
        draft = "We will let go of\nhalf of the staff in May; nobody knows yet."
        shown = str(http.rejected(http.change("POST", "x", json={"status": draft})))
        assert login.split()[1] not in shown
        assert "let go" not in shown
        assert "staff" not in shown
        assert "nobody" not in shown
        assert "Validation failed: Text" in shown
        assert "is too long" in shown
        per_request = http.change("POST", "x", json={}, headers={"Authorization": "Bearer other-token-of-a-session"})
        assert "other-token" not in str(http.rejected(per_request))


@pytest.mark.parametrize(("status", "error"), [(303, OutcomeUnknown), (301, Misconfigured), (308, Misconfigured)])
def test_an_answer_that_sends_on_after_the_deed_leaves_a_doubt(status: int, error: type[Exception]) -> None:
    class Away:
        def answer(self, request: Request) -> Given:
            return Given(status=status, headers={"Location": "https://elsewhere.example/"})

    with Server(Away()) as server, pytest.raises(error):
        client(server.url).change("POST", "x", json={})
