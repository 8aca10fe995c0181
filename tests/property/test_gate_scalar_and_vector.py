"""The scalar gate and the vector gate come from one table; here they are held against each other on anything."""

from __future__ import annotations

from typing import get_type_hints

import msgspec
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders_trading import some_facts, some_limits

from steersman.kernel.fixed import ONE
from steersman.trading.gate import CODES, Facts, Limits, judge, judge_frame

_LARGE = 10**18
_STEPS = {"tick", "lot"}


def _values(name: str, hint: object, *, unknown: bool) -> st.SearchStrategy[object]:
    options = getattr(hint, "__args__", (hint,))
    if bool in options:
        made: st.SearchStrategy[object] = st.booleans()
    elif name == "direction":
        made = st.sampled_from((-1, 1))
    else:
        low = 0 if name in _STEPS else -_LARGE
        # Round numbers meet each other at the limits far more often than any numbers do.
        made = st.one_of(
            st.integers(low, _LARGE),
            st.integers(max(low, -50), 50).map(lambda n: max(n * ONE, low)),
            st.just(max(low, 0)),
        )
    return st.one_of(st.none(), made, made, made) if unknown and type(None) in options else made


def _anything(kind: type[msgspec.Struct], *, unknown: bool) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries({n: _values(n, h, unknown=unknown) for n, h in get_type_hints(kind).items()})


def _changed(kind: type[msgspec.Struct]) -> st.SearchStrategy[dict[str, object]]:
    """Return an ordinary order, or the limits it passes, with up to two fields that are anything."""
    hints = get_type_hints(kind)
    return st.lists(st.sampled_from(sorted(hints)), max_size=2, unique=True).flatmap(
        lambda names: _ordinary(kind, {name: _values(name, hints[name], unknown=True) for name in names})
    )


def _sized(kind: type[msgspec.Struct]) -> st.SearchStrategy[dict[str, object]]:
    """Return an ordinary order, or its limits, with sizes and exposures around those limits."""
    found = {name: _around(*span) for name, span in SIZES.items() if name in kind.__struct_fields__}
    if kind is Facts:
        found["direction"] = st.sampled_from((-1, 1))
    return _ordinary(kind, found)


def _around(low: int, high: int) -> st.SearchStrategy[object]:
    return st.one_of(st.integers(low, high).map(lambda n: n * ONE), st.integers(low * ONE, high * ONE))


def _ordinary(
    kind: type[msgspec.Struct], changes: dict[str, st.SearchStrategy[object]]
) -> st.SearchStrategy[dict[str, object]]:
    base = msgspec.structs.asdict(some_facts() if kind is Facts else some_limits())
    return st.fixed_dictionaries(changes).map(lambda made: {**base, **made})


SIZES = {
    "quantity": (1, 300),
    "position": (-250, 250),
    "own_position": (-250, 250),
    "cost_price": (90, 130),
    "gross": (0, 60_000),
    "net": (-90_000, 90_000),
    "group_gross": (0, 35_000),
    "buying_power": (0, 40_000),
    "equity": (0, 90_000),
    "max_notional": (1_000, 30_000),
    "approval_notional": (1_000, 30_000),
}
SIGNALS = st.one_of(
    *(st.tuples(_anything(Facts, unknown=u), _anything(Limits, unknown=u)) for u in (True, False)),
    st.tuples(_changed(Facts), _changed(Limits)),
    st.tuples(_sized(Facts), _sized(Limits)),
    st.tuples(_sized(Facts), _sized(Limits).map(lambda limits: {**limits, "allow_short": True})),
)


@settings(max_examples=60)
@given(st.lists(SIGNALS, min_size=1, max_size=40))
def test_scalar_and_vector_give_the_same_answer(rows: list[tuple[dict[str, object], dict[str, object]]]) -> None:
    hints = {**get_type_hints(Facts), **get_type_hints(Limits)}
    types = {n: pl.Boolean if bool in getattr(h, "__args__", (h,)) else pl.Int64 for n, h in hints.items()}
    frame = judge_frame(pl.DataFrame([{**f, **m} for f, m in rows], schema=types))
    for (facts, limits), found in zip(rows, frame.iter_rows(named=True), strict=True):
        expected = judge(msgspec.convert(facts, Facts), msgspec.convert(limits, Limits))
        assert tuple(code for code in CODES if not found[f"ok_{code}"]) == expected.failed
        assert (found["outcome"], found["quantity_allowed"]) == (expected.outcome, expected.quantity)


@settings(max_examples=300)
@given(SIGNALS)
def test_what_may_be_sent_is_never_more_than_was_asked_and_passes_on_its_own(
    signal: tuple[dict[str, object], dict[str, object]],
) -> None:
    asked, allowed = msgspec.convert(signal[0], Facts), msgspec.convert(signal[1], Limits)
    judged = judge(asked, allowed)
    assert 0 <= judged.quantity <= max(asked.quantity, 0)
    assert (judged.quantity == 0) == (judged.outcome == "reject")
    if judged.outcome in ("accept", "adjust"):
        assert judge(msgspec.structs.replace(asked, quantity=judged.quantity), allowed).outcome == "accept"
