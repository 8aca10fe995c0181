"""Bytes of FIX: what is written is read back, what is garbled is left out, what is odd is shown and not trusted."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.trading.adapters.fix.wire import Framer, Message, encode, read_stamp, readable, stamp

ONE = encode("FIX.4.4", "8", [(49, "A"), (56, "B"), (34, "1")], [(58, "one")])
TWO = encode("FIX.4.4", "8", [(49, "A"), (56, "B"), (34, "2")], [(58, "two")])


def texts(messages: list[Message]) -> list[str | None]:
    return [message.get(58) for message in messages]


def framed(body: bytes) -> bytes:
    whole = b"8=FIX.4.4\x019=%d\x01" % len(body) + body
    return whole + b"10=%03d\x01" % (sum(whole) % 256)


def test_a_message_has_its_header_first_and_its_length_and_checksum_right() -> None:
    assert ONE == b"8=FIX.4.4\x019=27\x0135=8\x0149=A\x0156=B\x0134=1\x0158=one\x0110=121\x01"
    (message,) = Framer().feed(ONE)
    assert (message.type, message.number(34), message.get(58), message.defect) == ("8", 1, "one", "")


@given(st.lists(st.integers(1, 30), max_size=12))
def test_messages_come_out_whole_however_the_bytes_are_cut(cuts: list[int]) -> None:
    framer, found, rest = Framer(), [], ONE + TWO + ONE
    for cut in [*cuts, len(rest)]:
        found += framer.feed(rest[:cut])
        rest = rest[cut:]
    assert texts(found) == ["one", "two", "one"]
    assert framer.garbled == 0


@given(st.binary(max_size=60), st.integers(0, len(ONE) - 1), st.integers(1, 255))
def test_junk_and_a_changed_byte_cost_no_other_message(junk: bytes, at: int, change: int) -> None:
    broken = bytearray(ONE)
    broken[at] = (broken[at] + change) % 256
    framer = Framer()
    found = texts(framer.feed(junk + bytes(broken) + TWO + TWO))
    assert found[-2:] == ["two", "two"]
    assert len(found) <= 3


@pytest.mark.parametrize(
    "bad",
    [
        b"8=FIX.4.4\x019=x\x01" + b"z" * 20,
        b"8=FIX.4.4\x019=9999999\x0135=0\x0110=000\x01",
        b"8=FIX.4.4\x019=500\x0135=0\x0110=000\x01",
        b"8=FIX.4.4\x019=3\x0135=0\x0110=000\x01",
        ONE[:-3] + b"9\x01",
        b"8=FIXFIXFIXFIXFIXFIXFIXFIXFIXFIXFIX",
    ],
)
def test_a_garbled_message_is_counted_and_the_next_one_read(bad: bytes) -> None:
    framer = Framer()
    assert texts(framer.feed(bad)) == []
    assert texts(framer.feed(ONE + TWO))[-1] == "two"
    assert framer.garbled >= 1


def test_a_message_that_is_no_list_of_fields_keeps_its_number_and_says_its_defect() -> None:
    (message,) = Framer().feed(framed(b"35=8\x0134=7\x01x=1\x0158\x0149=A\x01"))
    assert (message.type, message.number(34)) == ("8", 7)
    assert message.defect


def test_data_with_separators_inside_is_one_field() -> None:
    (message,) = Framer().feed(framed(b"35=B\x0134=7\x0195=5\x0196=a\x01b=c\x0158=x\x01"))
    assert message.get(96) == "a\x01b=c"
    assert message.get(58) == "x"


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e30", "1e-30", "", "1,5", "x", "1" * 41])
def test_a_number_that_is_none_is_refused_by_name(text: str) -> None:
    message = Message(type="8", fields=((32, text),), raw=b"")
    with pytest.raises(ValueError, match="tag 32 is"):
        message.decimal(32)


def test_numbers_are_exact() -> None:
    message = Message(type="8", fields=((32, "0.10"), (31, "-5"), (34, "007"), (36, "-1"), (7, "\u0662")), raw=b"")
    assert (message.decimal(32), message.decimal(31), message.decimal(99)) == (Decimal("0.10"), Decimal(-5), None)
    assert (message.number(34), message.number(36), message.number(7), message.number(1)) == (7, None, None, None)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("20231114-22:13:20", 1_700_000_000_000_000_000),
        ("20231114-22:13:20.123", 1_700_000_000_123_000_000),
        ("20231114-22:13:20.123456789", 1_700_000_000_123_456_789),
        ("20231114", None),
        ("2023-11-14 22:13:20", None),
        ("20231114-22:13:20.x", None),
        ("\u0662" * 17, None),
        (None, None),
    ],
)
def test_times_are_read_to_the_nanosecond_or_not_at_all(text: str | None, at: int | None) -> None:
    assert read_stamp(text) == at


def test_a_time_is_written_with_milliseconds() -> None:
    assert stamp(1_700_000_000_123_999_999) == "20231114-22:13:20.123"


def test_what_is_shown_to_a_person_is_one_short_line() -> None:
    assert readable("a\x01b\nc" + "x" * 500) == "a?b?c" + "x" * 195
    (message,) = Framer().feed(ONE)
    assert message.shown().startswith("8=FIX.4.4|9=27|35=8|")
