"""Lines between scripts and services."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.client.problem import Problem
from steersman.client.wire import value_of
from steersman.kernel.errors import Conflict, Misconfigured, OutcomeUnknown, Rejected, SteersmanError, Unavailable
from steersman.services.serving import protocol
from steersman.services.serving.protocol import AskPull, AskToken


def test_a_question_is_read_whole() -> None:
    assert protocol.question(b'{"op":"token","provider":"shop"}') == AskToken(provider="shop")
    assert protocol.question(b'{"op":"pull","what":"bars","params":{"day":"1"},"max_age_s":5}') == AskPull(
        what="bars", params={"day": "1"}, max_age_s=5.0
    )


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"GET / HTTP/1.1",
        b'{"op":"shutdown"}',
        b'{"op":"token"}',
        b'{"op":"token","provider":"x","who":"automation:other"}',
        b'{"op":"pull","what":7}',
        b'{"op":"emit","type":"script.a.b","nonce":"1","data":[1]}',
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"op":"ping"}' + b" " * protocol.LARGEST_REQUEST,
    ],
)
def test_what_is_no_question_is_refused(line: bytes) -> None:
    with pytest.raises(Rejected):
        protocol.question(line)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_question_or_are_refused(line: bytes) -> None:
    with suppress(Rejected):
        assert isinstance(protocol.question(line), protocol.Question)


@pytest.mark.parametrize("family", [Rejected, Unavailable, OutcomeUnknown, Conflict, Misconfigured, SteersmanError])
def test_an_error_keeps_its_family_and_its_fix_on_the_way(family: type[SteersmanError]) -> None:
    line = protocol.refused(family("no", fix="do"))
    with pytest.raises(Problem) as told:
        value_of(line)
    again = protocol.error_of(told.value.kind, told.value.message, told.value.fix)
    assert (type(again), again.message, again.fix) == (family, "no", "do")


def test_an_error_of_a_domain_travels_as_its_family() -> None:
    class Special(Rejected):
        pass

    assert json.loads(protocol.refused(Special("no")))["error"] == "Rejected"


@pytest.mark.parametrize("line", [b"", b"{}", b"nonsense", b'{"error":"Rejected"}', b"[]", b"7"])
def test_an_answer_that_means_nothing_is_a_problem_and_is_not_quoted(line: bytes) -> None:
    with pytest.raises(Problem) as told:
        value_of(line)
    assert "nonsense" not in str(told.value)
