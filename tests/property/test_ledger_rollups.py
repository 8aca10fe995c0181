"""Rollups for any numbers: quantiles within 1 %, merging in any grouping, and a rebuild that changes nothing."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steersman.ledger import new_event
from steersman.ledger.adapters.memory import MemoryLedger
from steersman.ledger.projections import Database, Projector, open_reader
from steersman.ledger.rollups import Bucket, Metric, Rollups, merged, series
from steersman.ledger.sketch import RELATIVE_ERROR, Sketch, slot_of, value_of

HOUR_NS = 3_600_000_000_000
START = 1_700_000_000_000_000_000 // HOUR_NS * HOUR_NS
finite = st.floats(allow_nan=False, allow_infinity=False)
values = st.lists(st.one_of(finite, st.floats(-1000, 1000), st.just(0.0)), min_size=1, max_size=60)


def a_bucket(numbers: list[float], start_ns: int = START) -> Bucket:
    sketch: Sketch = {}
    for x in numbers:
        sketch[slot_of(x)] = sketch.get(slot_of(x), 0) + 1
    return Bucket(start_ns=start_ns, count=len(numbers), total=0.0, low=min(numbers), high=max(numbers), sketch=sketch)


@given(finite)
def test_a_slot_stands_for_its_values_within_one_per_cent(x: float) -> None:
    found = value_of(slot_of(x))
    if math.isfinite(found) and abs(x) > 1e-300:  # below, floats themselves are coarser than 1 %
        assert abs(found - x) <= RELATIVE_ERROR * abs(x)
    assert math.copysign(1, found) == math.copysign(1, x) or found == x == 0


@given(st.lists(finite, min_size=2, max_size=20))
def test_slots_are_ordered_as_their_values_are(numbers: list[float]) -> None:
    assert [slot_of(x) for x in sorted(numbers)] == sorted(slot_of(x) for x in numbers)


@given(values, st.floats(0, 1))
def test_a_quantile_is_within_one_per_cent_of_the_value_at_its_rank(numbers: list[float], q: float) -> None:
    exact = sorted(numbers)[math.floor(q * (len(numbers) - 1) + 1e-9)]
    found = a_bucket(numbers).quantile(q)
    assert min(numbers) <= found <= max(numbers)
    if abs(exact) > 1e-300:
        assert abs(found - exact) <= RELATIVE_ERROR * abs(exact)


@given(values)
def test_the_share_above_zero_is_exact(numbers: list[float]) -> None:
    assert a_bucket(numbers).share_above(0.0) == sum(x > 0 for x in numbers) / len(numbers)


@given(st.lists(st.lists(st.integers(-1000, 1000), min_size=1, max_size=8), min_size=1, max_size=8), st.data())
def test_merging_in_any_grouping_gives_the_same(groups: list[list[int]], data: st.DataObject) -> None:
    buckets = [
        Bucket(
            start_ns=i,
            count=len(g),
            total=float(sum(g)),
            low=min(g),
            high=max(g),
            sketch=a_bucket([*map(float, g)]).sketch,
        )
        for i, g in enumerate(groups)
    ]
    cut = data.draw(st.integers(0, len(buckets)))
    shuffled = data.draw(st.permutations(buckets))
    assert merged([merged(shuffled[:cut]), merged(shuffled[cut:])]) == merged(buckets)


METRICS = (
    Metric(name="all", type="t.*"),
    Metric(name="x", type="t.a.b", field="in.x", by="who"),
    Metric(name="big", type="t.a.b", field="in.x", where={"size": "big"}),
)
events = st.lists(
    st.fixed_dictionaries(
        {
            "in": st.fixed_dictionaries({"x": st.one_of(st.floats(-1e6, 1e6), st.decimals(-9, 9, places=3).map(str))}),
            "who": st.sampled_from(["ann", "bob"]),
            "size": st.sampled_from(["big", "small"]),
            "at": st.integers(START, START + 5 * HOUR_NS),
        }
    ),
    max_size=40,
)


def rows(db: Database) -> list[tuple[object, ...]]:
    return db.execute("SELECT * FROM rollup ORDER BY metric, key, start_ns")


@settings(max_examples=40)
@given(events, st.lists(st.integers(0, 40), max_size=4))
def test_a_rebuild_gives_the_very_rows_that_came_bit_by_bit(given_: list[dict[str, Any]], cuts: list[int]) -> None:
    ledger = MemoryLedger()
    with tempfile.TemporaryDirectory() as folder:
        slowly = Projector(ledger, Path(folder) / "slow.db", [Rollups(METRICS)])
        for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(given_)], strict=True):
            new = [new_event("t.a.b", stream="s", data=d, actor="a", now_ns=START) for d in given_[start:end]]
            if new:
                ledger.append(new)
            slowly.catch_up()
        at_once = Projector(ledger, Path(folder) / "fast.db", [Rollups(METRICS)])
        at_once.catch_up()
        slow, fast = open_reader(Path(folder) / "slow.db"), open_reader(Path(folder) / "fast.db")
        assert rows(slow) == rows(fast)
        assert sum(b.count for b in series(fast, "all")) == len(given_)
        assert sum(b.count for b in series(fast, "big", bucket="month")) == sum(d["size"] == "big" for d in given_)
        total = sum(float(d["in"]["x"]) for d in given_)
        assert merged(series(fast, "x")).total == pytest.approx(total, abs=1e-6)
        slowly.close()
        at_once.close()
        slow.close()  # type: ignore[attr-defined]  # a ReadPool
        fast.close()  # type: ignore[attr-defined]  # as above
