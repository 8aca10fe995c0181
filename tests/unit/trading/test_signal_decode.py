"""What becomes of input from outside: a signal, or a refusal that says where, what, what else, and how to fix it."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from steersman.trading.model.request import SignalRequest
from steersman.trading.model.signal import Side, TimeInForce
from steersman.trading.sources import NotASignal, Row, file_rows, json_rows, request_of
from steersman.trading.sources.decode import FIELDS
from steersman.trading.sources.problem import without_secrets
from steersman.trading.sources.rows import MAX_LINE_BYTES, Format, parquet_rows

GOOD: dict[str, Any] = {"signal_id": "s1", "strategy": "trend", "instrument": "IBM", "side": "buy", "quantity": 10}


def decoded(text: str | bytes, form: Format = "json", file: str = "in") -> list[SignalRequest]:
    raw = text.encode() if isinstance(text, str) else text
    found = []
    for row in file_rows(raw, form, file=file):
        if isinstance(row, NotASignal):
            raise row
        found.append(request_of(row))
    return found


def refusal(changes: dict[str, Any] | str | bytes, form: Format = "json") -> NotASignal:
    text = changes if isinstance(changes, str | bytes) else json.dumps({**GOOD, **changes})
    with pytest.raises(NotASignal) as caught:
        decoded(text, form)
    return caught.value


def test_every_field_of_a_request_can_be_said() -> None:
    assert set(FIELDS) == set(SignalRequest.__struct_fields__)


def test_a_tenth_is_a_tenth_as_a_number_and_as_text() -> None:
    for written in ("0.1", '"0.1"', "1e-1", "0.10"):
        one = decoded(f'{{"signal_id":"a","strategy":"t","instrument":"I","side":"buy","quantity":{written}}}')
        assert one[0].quantity == Decimal("0.1")
        assert str(one[0].quantity) == "0.1"


def test_json_lines_csv_and_parquet_say_the_same() -> None:
    full = {
        **GOOD,
        "quantity": "2.5",
        "limit_price": "101.25",
        "stop_loss": "99",
        "take_profit": "110",
        "time_in_force": "gtc",
        "created_at": "2026-11-25T14:30:00+01:00",
        "confidence": 0.75,
        "notes": "a, b",
    }
    expected = SignalRequest(
        signal_id="s1",
        strategy="trend",
        instrument="IBM",
        side=Side.BUY,
        quantity=Decimal("2.5"),
        limit_price=Decimal("101.25"),
        stop_loss=Decimal(99),
        take_profit=Decimal(110),
        time_in_force=TimeInForce.GTC,
        created_at=datetime(2026, 11, 25, 13, 30, tzinfo=UTC),
        confidence=0.75,
        notes="a, b",
    )
    frame = pl.DataFrame([{**full, "created_at": datetime(2026, 11, 25, 13, 30, tzinfo=UTC), "limit_price": 101.25}])
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    cells = ",".join(f'"{value}"' for value in full.values())
    assert decoded(json.dumps(full)) == [expected]
    assert decoded(f"\ufeff{json.dumps(full)}\r\n\r\n{json.dumps(full)}\r\n", "jsonl") == [expected] * 2
    assert decoded(f"\ufeff{','.join(full)}\r\n{cells}\r\n", "csv") == [expected]
    assert decoded(buffer.getvalue(), "parquet") == [expected]


@pytest.mark.parametrize(
    ("changes", "field", "what", "fix"),
    [
        ({"quantty": 1}, "quantty", "unknown field", "did you mean 'quantity'?"),
        ({"quantity": True}, "quantity", "a boolean", "write e.g. 12.5"),
        ({"quantity": [1]}, "quantity", "a list", "write e.g. 12.5"),
        ({"quantity": "1,5"}, "quantity", "found '1,5'", "write 1.5"),
        ({"quantity": "1_000"}, "quantity", "allowed: a number", "write e.g."),
        ({"quantity": "١"}, "quantity", "allowed: a number", "write e.g."),
        ({"quantity": 0}, "quantity", "above 0", "correct the number"),
        ({"quantity": -3}, "quantity", "above 0", "correct the number"),
        ({"quantity": 1e300}, "quantity", "at most 1,000,000,000", "correct the number"),
        ({"quantity": "1e999999"}, "quantity", "at most 1,000,000,000", "correct the number"),
        ({"quantity": "1e9999999"}, "quantity", "allowed: a number", "write e.g."),
        ({"quantity": "0.0000000001"}, "quantity", "at most nine decimals", "round it"),
        ({"quantity": "1.00000000000000000000000000000000000001"}, "quantity", "nine decimals", "round it"),
        ({"quantity": float("nan")}, "quantity", "found NaN, allowed: a finite number", "leave the field out"),
        ({"limit_price": "-Infinity"}, "limit_price", "a finite number", "leave the field out"),
        ({"target": 5}, "quantity", "found quantity and target; allowed: exactly one", "say how much in one way"),
        ({"quantity": None}, "quantity", "found none of them", "say how much in one way"),
        ({"side": None}, "side", "is missing", 'add "side"'),
        ({"side": "BUY"}, "side", "allowed: buy, sell", "did you mean 'buy'?"),
        ({"side": None, "quantity": None, "target": 0, "stop_loss": 9}, "stop_loss", "a target of 0", "leave it out"),
        ({"quantity": None, "target": 5}, "side", "found beside a target", 'leave "side" out'),
        ({"quantity": None, "risk_fraction": 0.01}, "risk_fraction", "needs a stop_loss", "stop_loss"),
        ({"quantity": None, "risk_fraction": 1.5, "stop_loss": 9}, "risk_fraction", "at most 1", "correct"),
        ({"limit_price": 100, "stop_loss": 100}, "stop_loss", "must be below the limit_price 100", "put it below"),
        ({"price": 100, "side": "sell", "stop_loss": 99}, "stop_loss", "above the price 100", "put it above"),
        ({"stop_price": 100, "take_profit": 99}, "take_profit", "above the stop_price 100", "put it above"),
        ({"stop_loss": 11, "take_profit": 10}, "stop_loss", "below the take_profit 10", "swap them"),
        ({"created_at": "2026-11-25T14:30:00"}, "created_at", "no offset from UTC", "add Z"),
        ({"created_at": "yesterday"}, "created_at", "ISO 8601 with an offset", "write e.g."),
        ({"created_at": "0001-01-01T00:00:00+23:59"}, "created_at", "1970 to 2199", "write e.g."),
        ({"created_at": 1764080000}, "created_at", "ISO 8601", "write e.g."),
        ({"time_in_force": "fok"}, "time_in_force", "allowed: day, gtc, ioc", "write one of"),
        ({"confidence": 1.1}, "confidence", "0 to 1", "write a share"),
        ({"confidence": -0.1}, "confidence", "0 to 1", "write a share"),
        ({"signal_id": 17}, "signal_id", "a number; allowed: text", 'write "17"'),
        ({"signal_id": ""}, "signal_id", "allowed: 1 to 120", "shorten"),
        ({"signal_id": "a\u0000b"}, "signal_id", "printable", "clean it up"),
        ({"signal_id": "\ud800"}, "signal_id", "printable", "clean it up"),
        ({"instrument": " IBM"}, "instrument", "printable characters without spaces", "clean it up"),
        ({"notes": "x" * 501}, "notes", "501 characters", "shorten it"),
        ({"notes": "\u001b[2J"}, "notes", "printable", "clean it up"),
        ({"signal_id": None}, "signal_id", "is missing", "an id of its own"),
        ({"strategy": None}, "strategy", "is missing", 'add "strategy"'),
    ],
)
def test_a_refusal_names_field_found_allowed_and_fix(changes: dict[str, Any], field: str, what: str, fix: str) -> None:
    refused = refusal(changes)
    assert [problem.field for problem in refused.problems] == [field]
    assert what in refused.message
    assert fix in refused.fix


def test_everything_that_is_wrong_is_said_at_once() -> None:
    refused = refusal({"side": "up", "quantity": "many", "notes": 5})
    assert [problem.field for problem in refused.problems] == ["side", "quantity", "notes"]
    assert (refused.strategy, refused.signal_id) == ("trend", "s1")


@pytest.mark.parametrize(
    ("raw", "form", "what"),
    [
        (b"\xff\xfe\x00\x01", "json", "byte 0 is not UTF-8"),
        (b'{"signal_id": ', "json", "not JSON"),
        (b'{"quantity": 1, "quantity": 100}', "json", "the field 'quantity' stands twice"),
        (b"[" * 100_000, "json", "nested too deeply"),
        (b"[]", "json", "a list of 0"),
        (b"[1]", "json", "item 1: found 1, allowed: an object"),
        (b'"buy"', "json", "allowed: an object or a list of objects"),
        (b"", "json", "not JSON"),
        (b"5" * 10_000, "json", "allowed: an object or a list"),
        (b"[1, 2]\n", "jsonl", "in:1: found [...], allowed: an object"),
        (b"{" + b" " * MAX_LINE_BYTES + b"}", "jsonl", "allowed: 65,536"),
        (b"signal_id,stratgy\na,b\n", "csv", "in:1: unknown column 'stratgy'"),
        (b"signal_id,signal_id\na,b\n", "csv", "stands twice"),
        (b"signal_id;strategy\na;b\n", "csv", "unknown column"),
        (b"signal_id,strategy\na\n", "csv", "in:2: 1 cells, the header has 2"),
        (b'signal_id,strategy\n"a,b\n', "csv", "in:2: not CSV"),
        (b"signal_id,strategy\n\xff,b\n", "csv", "in:2: byte 0 is not UTF-8"),
        (b"PAR1nothingPAR1", "parquet", "no Parquet that can be read"),
        (b"", "parquet", "no Parquet that can be read"),
    ],
)
def test_junk_is_refused_by_name(raw: bytes, form: Format, what: str) -> None:
    refused = refusal(raw, form)
    assert what in refused.message
    assert refused.fix


def test_a_bad_line_is_named_and_the_rest_goes_on() -> None:
    good = json.dumps(GOOD)
    rows = list(file_rows(f"{good}\nnonsense\n\n{good}\n".encode(), "jsonl", file="signals/a.jsonl"))
    assert [isinstance(row, NotASignal) for row in rows] == [False, True, False]
    assert [row.place for row in rows] == ["signals/a.jsonl:1", "signals/a.jsonl:2", "signals/a.jsonl:4"]


def test_a_row_of_a_file_without_an_id_gets_one_from_file_line_and_content() -> None:
    line = b'{"strategy":"t","instrument":"I","side":"buy","quantity":1}\n'
    first, second = decoded(line * 2, "jsonl", file="a.jsonl")
    again, _ = decoded(line * 2, "jsonl", file="a.jsonl")
    assert first.signal_id.startswith("a.jsonl:1:")
    assert first.signal_id == again.signal_id
    assert len({first.signal_id, second.signal_id}) == 2
    assert decoded(line.replace(b"buy", b"sell"), "jsonl", file="a.jsonl")[0].signal_id != first.signal_id
    assert len(decoded(line, "jsonl", file="x" * 300)[0].signal_id) <= 120


def test_a_row_in_doubt_needs_an_id_of_its_own() -> None:
    raw = b'{"strategy":"t","instrument":"I","side":"buy","quantity":1}'
    row = Row(values={"strategy": "t"}, signal_id="a:1:x", doubt="the file was rewritten")
    with pytest.raises(NotASignal, match="is missing, and the file was rewritten"):
        request_of(row)
    buffer = io.BytesIO()
    pl.DataFrame([json.loads(raw)]).write_parquet(buffer)
    (doubted,) = parquet_rows(buffer.getvalue(), file="a.parquet", doubt="the file was rewritten")
    assert isinstance(doubted, Row)
    with pytest.raises(NotASignal, match="the file was rewritten"):
        request_of(doubted)


def test_a_binary_float_of_parquet_counts_as_its_shortest_text() -> None:
    buffer = io.BytesIO()
    columns = {**GOOD, "quantity": 0.1, "price": None}
    pl.DataFrame([columns, {**columns, "quantity": float("nan")}]).write_parquet(buffer)
    rows = list(file_rows(buffer.getvalue(), "parquet", file="a.parquet"))
    assert isinstance(rows[0], Row)
    assert str(request_of(rows[0]).quantity) == "0.1"
    assert isinstance(rows[1], Row)
    with pytest.raises(NotASignal, match=r"a\.parquet:2: quantity: found nan"):
        request_of(rows[1])


def test_what_looks_like_a_secret_is_not_kept() -> None:
    refused = refusal({"api_token": "hunter2", "Secret": "hunter2", "quantity": "x"})
    assert "hunter2" not in refused.found
    assert '"quantity": "x"' in refused.found
    assert "hunter2" not in refusal(b'{"secret": "hunter2", "a": nonsense').found


def test_a_hundred_thousand_fields_are_refused_without_looking_at_each() -> None:
    names = {f"a{n}": 1 for n in range(100_000)}
    assert refusal({**names, **GOOD}).message.startswith("100,005 fields; allowed: signal_id")
    twice = json.dumps({**names, **GOOD})[:-1] + ', "a99999": 2}'
    assert refusal(twice).message == "the field 'a99999' stands twice"


def test_a_list_has_a_limit() -> None:
    raw = json.dumps([GOOD] * 3).encode()
    assert len(json_rows(raw, most=3)) == 3
    with pytest.raises(NotASignal, match="a list of 3, allowed: 1 to 2"):
        json_rows(raw, most=2)


@pytest.mark.parametrize(
    "text",
    [
        '{"secret": "hunter2", "a": 1}',
        "secret=hunter2",
        '{"notes": "my token: hunter2"}',
        "{'api_key': 'hunter2', 'b': 2}",
        '"X-Auth-Token" : "hunter2',
        '{"PASSWORD":hunter2}',
        "secret" * 400 + ': "hunter2"',
    ],
)
def test_what_looks_like_a_secret_is_masked_however_it_is_written(text: str) -> None:
    assert "hunter2" not in without_secrets(text)


def test_masking_is_quick_whatever_comes_in() -> None:
    for text in ("secret" * 400, "a" * 2000, "a-" * 1000, "secret:'" * 300, "auth" + " " * 2000):
        for _ in range(100):  # at the speed of a careless pattern, this is the whole test run's time
            without_secrets(text)
