"""The bench of orders: turns, ratios turn by turn, and a desk that really trades; the peer is played."""

from __future__ import annotations

from pathlib import Path

import pytest

from steersman.bench import bad_orders, order
from steersman.bench.paper_desk import SEEN_FIRST, Figures, minutes, trade, write_alternating
from steersman.kernel.errors import Corrupt, Unavailable


def figures(cpu_us: float, rss_mb: float = 40.0) -> Figures:
    return Figures(cpu_us=cpu_us, wall_us=2 * cpu_us, rss_mb=rss_mb, fills=1)


def test_all_take_turns_and_the_first_turn_of_each_is_dropped() -> None:
    said: list[str] = []

    def run(name: str) -> Figures:
        said.append(name)
        return figures(float(len(said)))

    found = order.alternate({"a": lambda: run("a"), "b": lambda: run("b")}, 2)
    assert said == ["a", "b"] * 3
    assert [f.cpu_us for f in found["a"]] == [3.0, 5.0]
    assert [f.cpu_us for f in found["b"]] == [4.0, 6.0]


def test_ratios_are_taken_turn_by_turn_and_held_against_their_targets() -> None:
    found = {
        "ours": [figures(20, 50), figures(300, 50), figures(30, 50)],
        "peer": [figures(100, 250), figures(1000, 250), figures(100, 250)],
        "peer, synced": [figures(400), figures(4000), figures(400)],
    }
    rows = {row.metric: row for row in order._rows(found, "")}
    cpu = rows["CPU per order"]
    assert (cpu.value, cpu.low, cpu.high, cpu.target, cpu.met) == (0.3, 0.2, 0.3, 0.25, False)
    assert rows["CPU per order, both durable"].met
    assert rows["peak resident"].value == 0.2
    unknown = rows["CPU per order, neither durable"]
    assert (unknown.value, unknown.met) == (None, None)
    assert str(order._MEMORY) in unknown.note
    assert rows["wall time per order: peer"].target is None


def test_without_the_peer_each_ratio_is_a_row_with_the_reason_and_ours_is_still_told() -> None:
    rows = {row.metric: row for row in order._rows({"ours": [figures(20)]}, "no package index here")}
    assert rows["CPU per order"].value is None
    assert rows["peak resident"].note == "no package index here"
    assert rows["CPU per order: ours"].value == 20
    [imports] = order._imports(None, "no package index here")
    assert (imports.value, imports.target, imports.note) == (None, 0.1, "no package index here")


def test_a_peer_that_breaks_half_way_costs_its_rows_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> dict[str, list[Figures]]:
        raise Unavailable("orders.py ended with 1", fix="")

    monkeypatch.setattr(order, "_figures", breaks)
    rows = order._orders(None, "")
    assert {row.note for row in rows} == {"orders.py ended with 1"}
    assert [row.target for row in rows] == [0.25] * 5


def test_no_environment_for_the_peer_is_told_in_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise Unavailable("no such package", fix="go online")

    monkeypatch.setattr(order, "nautilus", missing)
    monkeypatch.setattr(order, "_figures", lambda _: {"ours": [figures(20)]})
    monkeypatch.setattr(bad_orders, "rows", lambda peer, reason: [])
    notes = {row.note for row in order.run() if row.unit == "x"}
    assert notes == {"no such package; fix: go online"}


@pytest.mark.parametrize("instruments", [1, 3])
def test_a_desk_trades_in_a_process_of_its_own_and_every_order_is_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instruments: int
) -> None:
    monkeypatch.setattr(order, "_WARM_UP", 3)
    monkeypatch.setattr(order, "_ORDERS", 9)
    found = order._ours(tmp_path, instruments)
    assert found.fills == 12
    assert found.cpu_us > 0
    assert 10 < found.rss_mb < 500
    assert found.events > 5 * 12
    assert list(tmp_path.iterdir()) == []


def test_orders_that_were_not_filled_are_no_measurement(tmp_path: Path) -> None:
    write_alternating(tmp_path, 0, 30)
    toml = tmp_path / "steersman.toml"
    toml.write_text(toml.read_text().replace("message_rate = 1000000", "message_rate = 0"))
    with pytest.raises(Corrupt, match="30 orders, but"):
        trade(tmp_path, 0, 30)


def test_the_least_a_durable_step_costs_is_told_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "_SYNCS", 3)
    row = order._sync_alone()
    assert row.value is not None
    assert row.value > 0
    assert row.target is None


def test_bars_are_of_one_path_wherever_they_are_cut() -> None:
    whole = minutes(0, SEEN_FIRST)
    assert [*minutes(0, 7), *minutes(7, SEEN_FIRST)] == whole
    assert len(set(whole)) == SEEN_FIRST
