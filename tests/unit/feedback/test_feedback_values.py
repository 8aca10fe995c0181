"""What a KPI says: its value, when there is none, and how it is judged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from steersman.feedback import STANDARD, Kpi, KpiValue, Source, breakdown, find, metrics, values
from steersman.kernel.errors import Misconfigured
from steersman.ledger import new_event
from steersman.ledger.adapters.memory import MemoryLedger
from steersman.ledger.pool import ReadPool
from steersman.ledger.projections import Projector
from steersman.ledger.rollups import Rollups

DAY = 86_400_000_000_000
START = 1_700_006_400_000_000_000  # midnight UTC
NOW = START + 100 * DAY


class Desk:
    """Events in, KPI values out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ledger = MemoryLedger()
        self.db = ReadPool(path)

    def say(self, type: str, *, day: float = 0, **data: Any) -> None:
        at = START + round(day * DAY)
        self._ledger.append([new_event(type, stream="s", data={"at": at, **data}, actor="a", now_ns=at)])

    def value(self, kpi: Kpi, *, now_ns: int = NOW, since_ns: int | None = None) -> KpiValue:
        projector = Projector(self._ledger, self._path, [Rollups(metrics([kpi]))])
        projector.catch_up()
        projector.close()
        return values(self.db, [kpi], now_ns=now_ns, since_ns=since_ns)[0]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "p.db")
    yield made
    made.db.close()


def a_kpi(**changes: Any) -> Kpi:
    given: dict[str, Any] = {
        "name": "k",
        "domain": "d",
        "title": "K",
        "unit": "USD",
        "direction": "up",
        "aggregate": "sum",
        "source": Source(type="t.a.b", field="x", by="who"),
        "summary": "",
    }
    return Kpi(**given | changes)


@pytest.mark.parametrize(
    ("aggregate", "value"),
    [("sum", 7.0), ("mean", 1.4), ("max", 10.0), ("min", -5.0), ("p50", 1.0), ("share_positive", 0.6)],
)
def test_each_aggregate_is_what_its_name_says(desk: Desk, aggregate: str, value: float) -> None:
    for n, x in enumerate((-5, "1", 10, 0, 1)):
        desk.say("t.a.b", x=x, day=n)
    assert desk.value(a_kpi(aggregate=aggregate)).value == pytest.approx(value, rel=0.01)


def test_without_events_there_is_no_value_and_it_says_what_is_missing(desk: Desk) -> None:
    found = desk.value(a_kpi(aggregate="p95"))
    assert (found.value, found.status, found.met, found.points, found.limits) == (
        None,
        "not enough data",
        None,
        (),
        None,
    )
    assert found.note == "0 of 20 t.a.b with a number in x"


def test_a_quantile_waits_for_enough_values(desk: Desk) -> None:
    for n in range(19):
        desk.say("t.a.b", x=n)
    assert desk.value(a_kpi(aggregate="p95")).note.startswith("19 of 20")
    desk.say("t.a.b", x=19)
    assert desk.value(a_kpi(aggregate="p95")).value == pytest.approx(18, rel=0.01)


def test_none_of_some_is_zero_but_none_of_none_is_no_value(desk: Desk) -> None:
    kpi = a_kpi(aggregate="count", source=Source(type="t.bad.done"), over=Source(type="t.any.done"), direction="down")
    assert desk.value(kpi).value is None
    desk.say("t.any.done")
    assert desk.value(kpi).value == 0.0


def test_a_ratio_divides_sums_and_its_complement_is_the_rest(desk: Desk) -> None:
    for outcome in ("hold", "accept", "accept", "reject"):
        desk.say("t.v.given", outcome=outcome)
    held = Source(type="t.v.given", where={"outcome": "hold"})
    kpi = a_kpi(aggregate="ratio", unit="ratio", source=held, over=Source(type="t.v.given"))
    assert desk.value(kpi).value == 0.25
    assert desk.value(a_kpi(aggregate="ratio", source=held, over=kpi.over, complement=True)).value == 0.75
    assert desk.value(a_kpi(aggregate="ratio", source=held, over=kpi.over, factor=1000.0)).value == 250.0


def test_dividing_by_a_sum_of_zero_is_said_and_not_done(desk: Desk) -> None:
    desk.say("t.a.b", x=0)
    found = desk.value(a_kpi(aggregate="ratio", over=Source(type="t.a.b", field="x")))
    assert found.value is None
    assert "adds up to 0" in found.note


@pytest.mark.parametrize(
    ("x", "direction", "status"),
    [
        (11, "up", "met"),
        (10, "up", "met"),
        (6, "up", "missed"),
        (4, "up", "breached"),
        (9, "down", "met"),
        (12, "down", "missed"),
        (16, "down", "breached"),
    ],
)
def test_a_value_is_held_against_target_and_guardrail(desk: Desk, x: int, direction: str, status: str) -> None:
    desk.say("t.a.b", x=x)
    kpi = a_kpi(direction=direction, target=10.0, guardrail=5.0 if direction == "up" else 15.0)
    assert desk.value(kpi).status == status
    assert desk.value(a_kpi()).status == "watched"


def test_points_fill_days_without_data_for_sums_and_leave_them_out_for_means(desk: Desk) -> None:
    for day in (0, 1, 4):
        desk.say("t.a.b", x=3, day=day)
    assert desk.value(a_kpi()).series == (3.0, 3.0, 0.0, 0.0, 3.0)
    assert desk.value(a_kpi(aggregate="mean")).series == (3.0, 3.0, 3.0)


def test_the_trend_compares_complete_periods_only(desk: Desk) -> None:
    for day, x in enumerate((1, 2, 4, 8)):
        desk.say("t.a.b", x=x, day=day)
    found = desk.value(a_kpi(), now_ns=START + 3 * DAY + DAY // 2)  # the fourth day is not over
    assert found.trend is not None
    assert (found.trend.previous, found.trend.current, found.trend.better) == (2.0, 4.0, True)
    assert found.series == (1.0, 2.0, 4.0, 8.0)


def test_what_comes_after_now_is_not_known_yet_and_since_leaves_out_the_past(desk: Desk) -> None:
    for day in range(5):
        desk.say("t.a.b", x=1, day=day)
    assert desk.value(a_kpi(), now_ns=START + 2 * DAY).value == 3.0
    assert desk.value(a_kpi(), since_ns=START + 3 * DAY).value == 2.0


def test_a_shift_in_the_latest_complete_period_is_flagged(desk: Desk) -> None:
    for day in range(20):
        desk.say("t.a.b", x=10 + day % 2 if day < 19 else 50, day=day)
    assert desk.value(a_kpi(), now_ns=START + 20 * DAY).shifted
    assert not desk.value(a_kpi(), now_ns=START + 19 * DAY).shifted


def test_a_breakdown_adds_up_to_the_whole(desk: Desk) -> None:
    for who, x in (("ann", 1), ("bob", 2), ("ann", 4)):
        desk.say("t.a.b", x=x, who=who)
    kpi = a_kpi()
    assert desk.value(kpi).value == 7.0
    assert [(s.key, s.value, s.n) for s in breakdown(desk.db, kpi, now_ns=NOW)] == [("ann", 5.0, 2), ("bob", 2.0, 1)]
    assert breakdown(desk.db, a_kpi(source=Source(type="t.a.b", field="x")), now_ns=NOW) == []


def test_standard_kpis_have_names_of_their_own_and_share_rollups() -> None:
    assert len({kpi.name for kpi in STANDARD}) == len(STANDARD)
    kept = metrics(STANDARD)
    assert len({m.name for m in kept}) == len(kept) < sum(len(kpi.sources) for kpi in STANDARD)
    assert find(STANDARD, "net_pnl").title == "Net P&L"
    with pytest.raises(Misconfigured, match="did you mean net_pnl"):
        find(STANDARD, "net_pln")
