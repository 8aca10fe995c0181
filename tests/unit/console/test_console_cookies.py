"""What other programs and sites do in the same browser neither signs anybody out nor keeps them out."""

from __future__ import annotations

import asyncio

import pytest
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from steersman.console.gatekeeper import Gatekeeper, session_of
from steersman.console.sessions import LASTS_S, Sessions
from steersman.kernel.clock import FakeClock

TOKEN = "t" * 43


@pytest.mark.parametrize(
    "other",
    [
        'a={"x": 1}',
        "k[1]=2",
        "expires=3",
        "nonsense",
        "a b=1",
        "=",
        "_xsrf=2|ab|cd",
        "u=\N{LATIN SMALL LETTER E WITH ACUTE}",
    ],
)
def test_cookies_of_other_programs_do_not_sign_anybody_out(other: str) -> None:
    sessions = Sessions(TOKEN, FakeClock())
    issued = sessions.issue()
    own = f"{sessions.cookie}={issued}"
    for text in (f"{other}; {own}", f"{own}; {other}", f"{other}; {own}; {other}"):
        assert session_of(Headers({"cookie": text}), sessions) == issued


def test_a_session_ends_when_it_expires_or_the_token_is_replaced() -> None:
    clock = FakeClock()
    sessions = Sessions(TOKEN, clock)
    headers = Headers({"cookie": f"{sessions.cookie}={sessions.issue()}"})
    assert session_of(headers, sessions) is not None
    assert session_of(headers, Sessions("u" * 43, clock)) is None
    clock.advance(LASTS_S)
    assert session_of(headers, sessions) is None


@pytest.mark.parametrize("value", ["", ".", "a.b.c", "1.99999999999.x", "\N{SNOWMAN}.1.2"])
def test_a_made_up_session_is_none(value: str) -> None:
    sessions = Sessions(TOKEN, FakeClock())
    assert not sessions.is_valid(value)


@pytest.mark.parametrize(
    ("fetch", "status"),
    [
        ({"sec-fetch-site": "cross-site", "sec-fetch-dest": "image"}, 403),
        ({"sec-fetch-site": "same-site", "sec-fetch-dest": "iframe"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-dest": "document"}, 200),
        ({"sec-fetch-site": "none", "sec-fetch-dest": "document"}, 200),
        ({}, 200),
    ],
)
def test_other_sites_cannot_use_up_the_attempts_to_sign_in(fetch: dict[str, str], status: int) -> None:
    async def welcome(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(status_code=200)(scope, receive, send)

    headers = {"host": "127.0.0.1:8787", **fetch}
    scope = {
        "type": "http", "method": "GET", "path": "/login", "query_string": b"token=x",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(Gatekeeper(welcome, sessions=Sessions(TOKEN, FakeClock()))(scope, receive, send))
    assert sent[0]["status"] == status
