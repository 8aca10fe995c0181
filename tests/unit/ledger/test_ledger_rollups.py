"""Which events a rollup counts, under which key and hour, and what makes it start over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from steersman.ledger import new_event
from steersman.ledger.adapters.memory import MemoryLedger
from steersman.ledger.pool import ReadPool
from steersman.ledger.projections import Projector
from steersman.ledger.rollups import Bucket, Metric, Rollups, merged, series

HOUR = 3_600_000_000_000
MIDNIGHT = 1_700_006_400_000_000_000  # Wednesday 2023-11-15 00:00 UTC


class Rolled:
    """A ledger, and the rollups of it."""

    def __init__(self, folder: Path) -> None:
        self.ledger = MemoryLedger()
        self.path = folder / "p.db"
        self.db = ReadPool(self.path)

    def say(self, *datas: object, type: str = "t.a.b", now_ns: int = MIDNIGHT) -> None:
        self.ledger.append([new_event(type, stream="s", data=d, actor="a", now_ns=now_ns) for d in datas])  # type: ignore[arg-type]

    def keep(self, *metrics: Metric) -> int:
        projector = Projector(self.ledger, self.path, [Rollups(metrics)])
        try:
            return projector.catch_up()
        finally:
            projector.close()

    def one(self, name: str = "m", **asked: object) -> Bucket:
        (found,) = series(self.db, name, **asked)  # type: ignore[arg-type]
        return found


@pytest.fixture
def rolled(tmp_path: Path) -> Iterator[Rolled]:
    made = Rolled(tmp_path)
    yield made
    made.db.close()


def test_numbers_and_decimal_text_count_and_nothing_else_does(rolled: Rolled) -> None:
    odd = (None, True, "", "many", "nan", "inf", [1], {"x": 1}, "1e999")
    rolled.say({"x": 2, "at": MIDNIGHT}, {"x": "0.50", "at": MIDNIGHT}, {"x": -1.5, "at": MIDNIGHT}, {"at": MIDNIGHT})
    rolled.say(*({"x": value, "at": MIDNIGHT} for value in odd))
    rolled.say([1, 2], "text", 3)
    rolled.keep(Metric(name="m", type="t.a.b", field="x"))
    found = rolled.one()
    assert (found.count, found.total, found.low, found.high) == (3, 1.0, -1.5, 2.0)


def test_the_hour_is_that_of_the_domain_and_else_of_the_recording(rolled: Rolled) -> None:
    rolled.say({"at": MIDNIGHT + HOUR + 1}, {"at": MIDNIGHT + 2 * HOUR - 1}, {"at": MIDNIGHT + 5 * HOUR})
    rolled.keep(Metric(name="m", type="t.*"))
    assert [(b.start_ns, b.count) for b in series(rolled.db, "m")] == [(MIDNIGHT + HOUR, 2), (MIDNIGHT + 5 * HOUR, 1)]
    rolled.say({"at": "yesterday"}, {"at": True}, {"at": -5}, {"at": 1 << 70})
    rolled.keep(Metric(name="m", type="t.*"))
    recorded = next(rolled.ledger.read(after=3)).recorded_at
    assert [b.count for b in series(rolled.db, "m", since_ns=recorded)] == [4]


def test_paths_keys_and_conditions_reach_into_nested_data(rolled: Rolled) -> None:
    rolled.say(
        {"o": {"p": {"x": 1}}, "who": {"name": "ann"}, "ok": True, "at": MIDNIGHT},
        {"o": {"p": {"x": 2}}, "who": {"name": "bob"}, "ok": True, "at": MIDNIGHT},
        {"o": {"p": {"x": 4}}, "who": "nobody", "ok": True, "at": MIDNIGHT},
        {"o": {"p": {"x": 8}}, "who": {"name": "ann"}, "ok": False, "at": MIDNIGHT},
        {"o": {"p": 16}, "ok": True, "at": MIDNIGHT},
    )
    rolled.keep(Metric(name="m", type="t.a.b", field="o.p.x", by="who.name", where={"ok": "true"}))
    by_key = {key: rolled.one(key=key).total for key in ("ann", "bob", "")}
    assert by_key == {"ann": 1.0, "bob": 2.0, "": 4.0}
    assert rolled.one().total == 7.0
    assert series(rolled.db, "m", key="eve") == []


def test_days_weeks_and_months_gather_their_hours(rolled: Rolled) -> None:
    day = 24 * HOUR
    rolled.say(*({"x": n, "at": MIDNIGHT + n * day} for n in range(20)))
    rolled.keep(Metric(name="m", type="t.a.b", field="x"))
    assert [b.count for b in series(rolled.db, "m", bucket="day")] == [1] * 20
    assert [b.count for b in series(rolled.db, "m", bucket="week")] == [5, 7, 7, 1]  # a Wednesday; weeks start Mondays
    months = series(rolled.db, "m", bucket="month")
    assert [(b.count, b.low, b.high) for b in months] == [(16, 0.0, 15.0), (4, 16.0, 19.0)]
    inside = series(rolled.db, "m", since_ns=MIDNIGHT + day, until_ns=MIDNIGHT + 3 * day, bucket="day")
    assert [b.total for b in inside] == [1.0, 2.0]


def test_other_metrics_are_another_version_and_start_over(rolled: Rolled) -> None:
    one, two = Metric(name="m", type="t.a.b"), Metric(name="m", type="t.a.b", field="x")
    rolled.say({"x": 5, "at": MIDNIGHT}, {"at": MIDNIGHT})
    assert rolled.keep(one) == 2
    assert rolled.keep(one) == 0, "the same metrics go on where they were"
    assert rolled.one().count == 2
    assert rolled.keep(two) == 2
    assert rolled.one().count == 1
    other = Metric(name="n", type="t.a.b")
    assert Rollups([one, other]).version == Rollups([other, one]).version != Rollups([one]).version


def test_a_type_that_several_metrics_want_is_counted_once_for_each(rolled: Rolled) -> None:
    rolled.say({"at": MIDNIGHT}, type="t.a.b")
    rolled.say({"at": MIDNIGHT}, type="t.c.d")
    rolled.say({"at": MIDNIGHT}, type="u.a.b")
    rolled.keep(Metric(name="all", type="t.*"), Metric(name="one", type="t.a.b"))
    assert (rolled.one("all").count, rolled.one("one").count) == (2, 1)


def test_no_buckets_merge_to_an_empty_one_that_has_no_quantile() -> None:
    empty = merged([])
    assert (empty.count, empty.total, empty.low, empty.high) == (0, 0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="0 values"):
        empty.quantile(0.5)
    with pytest.raises(ValueError, match="no values"):
        empty.share_above(0.0)
