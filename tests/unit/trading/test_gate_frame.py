from __future__ import annotations

import msgspec
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.builders_trading import some_facts, some_limits

from steersman.trading.gate import judge_frame


def test_a_long_frame_judged_in_pieces_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = [some_facts(quantity=q, position=q % 40) for q in range(1, 200, 7)]
    frame = pl.DataFrame([msgspec.structs.asdict(f) for f in facts])
    whole = judge_frame(frame, some_limits())
    assert set(whole["outcome"]) == {"accept", "hold"}
    monkeypatch.setattr("steersman.trading.gate.frame._AT_ONCE", 4)
    assert_frame_equal(judge_frame(frame, some_limits()), whole)


def test_a_frame_without_a_fact_is_refused_by_name() -> None:
    frame = pl.DataFrame([msgspec.structs.asdict(some_facts())]).drop("price")
    with pytest.raises(ValueError, match="no column price"):
        judge_frame(frame, some_limits())


def test_limits_of_all_rows_and_limits_in_columns_give_the_same() -> None:
    facts = [some_facts(quantity=q, position=q % 40, gross=q * 300) for q in range(1, 400, 7)]
    frame = pl.DataFrame([msgspec.structs.asdict(f) for f in facts])
    columns = [pl.lit(value).alias(name) for name, value in msgspec.structs.asdict(some_limits()).items()]
    one, other = judge_frame(frame, some_limits()), judge_frame(frame.with_columns(columns))
    assert set(one["outcome"]) == {"accept", "adjust", "hold", "reject"}
    assert_frame_equal(one, other, check_dtypes=False)
