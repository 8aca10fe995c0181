"""Decoding signals from outside: what was encoded comes back, and junk never does anything but get refused."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steersman.trading.model.request import SignalRequest
from steersman.trading.model.signal import Side, TimeInForce
from steersman.trading.sources import NotASignal, Row, file_rows, request_of
from steersman.trading.sources.rows import Format

FORMS: tuple[Format, ...] = ("json", "jsonl", "csv", "parquet")
NAMES = st.text(min_size=1, max_size=120).filter(lambda s: s.isprintable() and s == s.strip())
NOTES = st.text(max_size=500).filter(lambda s: all(c.isprintable() or c in "\n\t" for c in s))
NUMBERS = st.decimals(min_value=Decimal("0.000000001"), max_value=10**9, places=9)
INSTANTS = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2199, 12, 31)).map(  # noqa: DTZ001
    lambda naive: naive.replace(tzinfo=UTC)
)


@st.composite
def requests(draw: st.DrawFn) -> SignalRequest:
    size = draw(st.sampled_from(("quantity", "target", "risk_fraction")))
    side = None if size == "target" else draw(st.sampled_from(Side))
    amount = draw(NUMBERS.filter(lambda n: n <= 1) if size == "risk_fraction" else NUMBERS)
    fields: dict[str, Any] = {size: amount if size != "target" or draw(st.booleans()) else -amount}
    if size == "risk_fraction":
        fields["stop_loss"] = draw(NUMBERS)
    else:
        fields["limit_price"] = draw(st.none() | NUMBERS)
        fields["stop_price"] = draw(st.none() | NUMBERS)
        fields["price"] = draw(st.none() | NUMBERS)
    return SignalRequest(
        signal_id=draw(NAMES),
        strategy=draw(NAMES),
        instrument=draw(NAMES),
        side=side,
        time_in_force=draw(st.sampled_from(TimeInForce)),
        created_at=draw(st.none() | INSTANTS),
        confidence=draw(st.none() | st.floats(0, 1)),
        notes=draw(NOTES),
        **fields,
    )


@given(requests())
def test_what_was_encoded_is_what_is_decoded(request: SignalRequest) -> None:
    raw = msgspec.json.encode(request)
    for form in ("json", "jsonl"):
        (row,) = file_rows(raw, form, file="in")
        assert isinstance(row, Row)
        assert request_of(row) == request


# Each reads in a process of its own: so few that hypothesis would call its own filtering too much.
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(requests())
def test_parquet_gives_back_what_was_written(request: SignalRequest) -> None:
    values = {k: v for k, v in msgspec.to_builtins(request).items() if v is not None}
    buffer = io.BytesIO()
    pl.DataFrame([values]).write_parquet(buffer)
    (row,) = file_rows(buffer.getvalue(), "parquet", file="in")
    assert isinstance(row, Row)
    assert request_of(row) == request


def outcome(raw: bytes, form: Format) -> None:
    """Decode everything; only the named refusal may come out, and it must be able to stand in an event."""
    refusals = []
    try:
        for row in file_rows(raw, form, file="in"):
            if isinstance(row, NotASignal):
                refusals.append(row)
                continue
            try:
                request_of(row)
            except NotASignal as exc:
                refusals.append(exc)
    except NotASignal as exc:
        refusals.append(exc)
    for refused in refusals:
        assert refused.message
        assert refused.fix
        msgspec.json.encode({"reason": refused.message, "found": refused.found, "fix": refused.fix})
        assert len(refused.found) <= 500


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.binary(max_size=400), st.sampled_from(FORMS))
def test_any_bytes_are_decoded_or_refused_by_name(raw: bytes, form: Format) -> None:
    outcome(raw, form)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(SignalRequest.__struct_fields__) | st.text(max_size=12), VALUES), st.booleans())
def test_any_json_is_decoded_or_refused_by_name(values: dict[str, Any], many: bool) -> None:
    import json  # the standard encoder also writes NaN and lone surrogates, as other programs do

    outcome(json.dumps([values] if many else values).encode(), "json")


@given(st.lists(st.lists(st.text(max_size=20), max_size=6), max_size=5))
def test_any_cells_are_decoded_or_refused_by_name(lines: list[list[str]]) -> None:
    header = "signal_id,strategy,instrument,side,quantity\n"
    outcome((header + "\n".join(",".join(cells) for cells in lines)).encode("utf-8", "surrogatepass"), "csv")


def _parquet() -> bytes:
    buffer = io.BytesIO()
    frame = pl.DataFrame({"signal_id": ["a", "b"], "quantity": [1.5, None], "side": ["buy", "sell"]})
    frame.write_parquet(buffer)
    return buffer.getvalue()


PARQUET = _parquet()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(
    st.lists(st.tuples(st.integers(0, len(PARQUET) - 1), st.integers(0, 255)), min_size=1, max_size=8),
    st.integers(0, 40),
)
def test_a_damaged_parquet_file_is_decoded_or_refused_by_name(damage: list[tuple[int, int]], cut: int) -> None:
    raw = bytearray(PARQUET)
    for place, value in damage:
        raw[place] = value
    outcome(bytes(raw[: len(raw) - cut]), "parquet")
