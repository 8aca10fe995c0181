"""What is read and what is refused, column by column."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from steersman.services.pulls.checks import Checked, check
from steersman.services.pulls.decode import Refused, decode
from steersman.services.pulls.model import Column, Schema


def checked(body: bytes, *columns: Column, **schema: Any) -> Checked:
    shape = Schema(**{"format": "csv", "columns": columns, **schema})
    return check(decode(body, shape), shape)


def refused(body: bytes, *columns: Column, **schema: Any) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        checked(body, *columns, **schema)
    return caught.value.problems


def test_times_are_read_in_every_usual_spelling_as_utc() -> None:
    body = b"t\n2026-01-02\n2026-01-02T03:04\n2026-01-02 03:04:05Z\n2026-01-02T03:04:05.25+02:00\n2026-01-02T03:04:05\n"
    times = checked(body, Column(name="t", type="datetime")).frame["t"].to_list()
    assert times == [
        datetime(2026, 1, 2, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        datetime(2026, 1, 2, 1, 4, 5, 250_000, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    ]


@pytest.mark.parametrize(("epoch", "number"), [("s", 1.7e9), ("ms", 1.7e12), ("us", 1.7e15), ("ns", 1.7e18)])
def test_numbers_are_instants_only_if_declared_so(epoch: Any, number: float) -> None:
    body = b'[{"t": %d}]' % int(number)
    frame = checked(body, Column(name="t", type="datetime", epoch=epoch), format="json").frame
    assert frame["t"].to_list() == [datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)]
    assert refused(body, Column(name="t", type="datetime"), format="json") == (
        "column t: not readable as datetime in row 1",
    )


def test_other_formats_of_dates_are_read_as_declared() -> None:
    frame = checked(b"d\n31/12/2025\n", Column(name="d", type="date", format="%d/%m/%Y")).frame
    assert str(frame["d"][0]) == "2025-12-31"


def test_every_problem_is_said_at_once() -> None:
    problems = refused(
        b"a,b,c\n1,x,\n0,y,2\n,x,3\n",
        Column(name="a", type="int", minimum=1),
        Column(name="b", type="text", values=("x",), unique=True),
        Column(name="c", type="float"),
    )
    assert problems == (
        "column a: empty in row 3; allowed: never (or nullable = true)",
        "column a: below min = 1 in row 2: 0",
        "column b: none of x in row 2",
        "column b: not unique in 2 rows, the first is row 1",
        "column c: empty in row 1; allowed: never (or nullable = true)",
    )


def test_order_gaps_and_outliers_are_judged_within_their_group() -> None:
    rows = [(day, symbol, price) for symbol, price in (("A", 10), ("B", 1000)) for day in range(1, 9)]
    body = b"day,symbol,price\n" + b"".join(b"2026-01-%02d,%s,%d\n" % (d, s.encode(), p + d) for d, s, p in rows)
    day = Column(name="day", type="date", monotonic="increasing", max_gap_s=86_400)
    columns = (day, Column(name="symbol", type="text"), Column(name="price", type="float", outlier=5))
    assert checked(body, *columns, group_by=("symbol",), unique=("symbol", "day")).frame.height == 16
    assert any("not after the row above it in row 9" in p for p in refused(body, *columns))
    gap = body.replace(b"2026-01-05,B,1005\n", b"")
    assert refused(gap, *columns, group_by=("symbol",)) == (
        "column day: a gap of 172800, allowed: 86400, before row 13",
    )
    wild = body.replace(b"A,15\n", b"A,15000\n")
    (problem,) = refused(wild, *columns, group_by=("symbol",))
    assert problem.startswith("column price: an outlying value in row 5: robust z ")


def test_a_jump_is_an_outlier_of_change_even_where_levels_drift() -> None:
    values = [100 * 1.01**n * (1 + n * n * 31 % 97 / 10_000) for n in range(200)]
    column = Column(name="v", type="float", outlier=10, outlier_of="change")
    body = "v\n" + "\n".join(map(str, values))
    assert checked(body.encode(), column).frame.height == 200
    values[100] *= 2
    assert "an outlying change" in refused(("v\n" + "\n".join(map(str, values))).encode(), column)[0]


def test_extra_columns_are_kept_dropped_or_refused_as_declared() -> None:
    column = Column(name="a", type="int")
    assert checked(b"b,a\n1,2\n", column).frame.columns == ["a", "b"]
    assert checked(b"b,a\n1,2\n", column, extra_columns="drop").frame.columns == ["a"]
    assert refused(b"b,a\n1,2\n", column, extra_columns="refuse") == ("columns that are not declared: 'b'",)


def test_too_few_and_too_many_rows_are_refused() -> None:
    assert refused(b"a\n1\n", rows_min=2) == ("found 1 rows, allowed: 2 or more",)
    assert refused(b"a\n1\n2\n", rows_max=1) == ("found 2 rows, allowed: 0 to 1",)


def test_booleans_and_other_charsets_are_read() -> None:
    frame = checked("n,ok\nMünchen,TRUE\n".encode("cp1252"), Column(name="ok", type="bool"), charset="cp1252").frame
    assert frame.row(0) == (True, "München")


def test_a_whole_number_must_be_whole() -> None:
    assert checked(b'[{"n": 2.0}]', Column(name="n", type="int"), format="json").frame["n"].to_list() == [2]
    assert refused(b'[{"n": 2.5}]', Column(name="n", type="int"), format="json") == (
        "column n: not readable as int in row 1",
    )


def test_records_are_found_on_their_path() -> None:
    body = b'{"data": {"bars": {"A": [{"x": 1}], "B": [{"x": 2}, {"x": 3}]}}}'
    assert checked(body, format="json", records="data.bars.*").frame["x"].to_list() == [1, 2, 3]
    assert refused(body, format="json", records="data.rows") == (
        "records: data has no 'rows'; declared path: data.rows",
    )
    assert "is not a list" in refused(body, format="json", records="data")[0]
    assert refused(b"[1]", format="json") == ("record 1 is int, allowed: an object",)


@pytest.mark.parametrize("format", ["parquet", "arrow"])
def test_binary_tables_are_read_and_truncated_ones_refused(format: Any) -> None:
    out, frame = io.BytesIO(), pl.DataFrame({"a": [1, 2]})
    (frame.write_parquet if format == "parquet" else frame.write_ipc)(out)
    assert checked(out.getvalue(), Column(name="a", type="int"), format=format).frame["a"].to_list() == [1, 2]
    assert "truncated" in refused(out.getvalue()[:-3], format=format)[0]


@pytest.mark.parametrize(
    ("body", "format", "words"),
    [
        (b"", "csv", "the body is empty"),
        (b" <!DOCTYPE HTML>", "json", "an HTML or XML page came"),
        (b'{"a": ', "json", "cannot be read as json"),
        (b'{"a": 1}\n{"planted', "jsonl", "line 2 is not JSON"),
        (b"a,a\n1,2\n", "csv", "same name"),
        (b"a\n\0\n", "csv", "zero bytes"),
        (b"a\n1,planted\n", "csv", "cannot be read as csv: found more fields"),
    ],
)
def test_what_is_no_table_is_refused_without_quoting_it(body: bytes, format: Any, words: str) -> None:
    (problem,) = refused(body, format=format)
    assert words in problem
    assert "planted" not in problem
