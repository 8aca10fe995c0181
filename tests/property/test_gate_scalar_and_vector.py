"""The scalar gate and the vector gate come from one table; here they are held against each other on anything."""

from __future__ import annotations

from typing import get_type_hints

import msgspec
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from steersman.kernel.fixed import ONE
from steersman.trading.gate import CODES, Facts, Limits, judge, judge_frame

_LARGE = 10**18
_STEPS = {"tick", "lot"}


def _values(name: str, hint: object) -> st.SearchStrategy[object]:
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
    return st.one_of(st.none(), made, made, made) if type(None) in options else made


def _columns(kind: type[msgspec.Struct]) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries({name: _values(name, hint) for name, hint in get_type_hints(kind).items()})


@settings(max_examples=60)
@given(st.lists(st.tuples(_columns(Facts), _columns(Limits)), min_size=1, max_size=40))
def test_scalar_and_vector_give_the_same_answer(rows: list[tuple[dict[str, object], dict[str, object]]]) -> None:
    hints = {**get_type_hints(Facts), **get_type_hints(Limits)}
    types = {n: pl.Boolean if bool in getattr(h, "__args__", (h,)) else pl.Int64 for n, h in hints.items()}
    frame = judge_frame(pl.DataFrame([{**f, **m} for f, m in rows], schema=types))
    for (facts, limits), found in zip(rows, frame.iter_rows(named=True), strict=True):
        expected = judge(msgspec.convert(facts, Facts), msgspec.convert(limits, Limits))
        assert tuple(code for code in CODES if not found[f"ok_{code}"]) == expected.failed
        assert (found["outcome"], found["quantity_allowed"]) == (expected.outcome, expected.quantity)


@given(_columns(Facts), _columns(Limits))
def test_what_may_be_sent_is_never_more_than_was_asked_and_passes_on_its_own(
    facts: dict[str, object], limits: dict[str, object]
) -> None:
    asked, allowed = msgspec.convert(facts, Facts), msgspec.convert(limits, Limits)
    judged = judge(asked, allowed)
    assert 0 <= judged.quantity <= max(asked.quantity, 0)
    assert (judged.quantity == 0) == (judged.outcome == "reject")
    if judged.outcome in ("accept", "adjust"):
        assert judge(msgspec.structs.replace(asked, quantity=judged.quantity), allowed).outcome == "accept"
