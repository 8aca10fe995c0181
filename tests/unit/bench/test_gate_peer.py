"""The gate beside a peer's risk engine; a script plays the peer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from steersman.bench import gate_peer
from steersman.bench.peer_venv import Peer
from steersman.kernel.errors import Unavailable
from steersman.trading.gate import CHECKS


def test_ratios_are_per_order_and_per_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "checks.py").write_text('print(\'{"cpu_us": 5.0, "passed": 1}\')')
    peer = Peer(name="peer", version="1", python=Path(sys.executable), scripts=tmp_path)
    monkeypatch.setattr(gate_peer, "nautilus", lambda: peer)
    monkeypatch.setattr(gate_peer, "_ROUNDS", 2)
    order, its, check = gate_peer.run(lambda: 20.0)
    assert (order.value, order.unit, order.runs, order.target) == (4.0, "x", 2, None)
    assert f"{len(CHECKS)} checks" in order.note
    assert (its.value, its.unit) == (5.0, "us")
    assert check.value == pytest.approx(4 * 7 / len(CHECKS), abs=0.001)


def test_a_peer_that_cannot_be_had_is_a_row_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Peer:
        raise Unavailable("no such package", fix="go online")

    monkeypatch.setattr(gate_peer, "nautilus", missing)
    [row] = gate_peer.run(lambda: 20.0)
    assert (row.value, row.met) == (None, None)
    assert row.note == "no such package; fix: go online"
