"""The session is found among whatever other programs on this host keep in the same browser."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from steersman.console.gatekeeper import session_of
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
