"""The whole path at every network venue: signal, gate, order, executions, cancel, restart, reconciliation."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from tests.builders_serving import ServingDesk
from tests.contracts.venue_harness import Harness, harness_of

from steersman.bootstrap.plugins import names
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.policy.store import halt_event
from steersman.trading import events as e
from steersman.trading.links import check_links
from steersman.trading.model.signal import Side, TimeInForce

NETWORK = [kind for kind in names("venues") if kind != "paper"]


@pytest.fixture(params=NETWORK)
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
    made = harness_of(request.param, tmp_path)
    yield made
    made.close()


def a_desk(harness: Harness, tmp_path: Path) -> ServingDesk:
    desk = ServingDesk(
        memory_ledger(),
        tmp_path,
        instrument=harness.instrument,
        price=harness.price,
        lot=harness.lot,
        clock=harness.clock,
    )
    desk.venues = {"market": harness.make(tmp_path)}
    return desk


def test_an_order_goes_its_whole_way_and_a_restart_finds_ledger_and_venue_agreed(
    harness: Harness, tmp_path: Path
) -> None:
    desk = a_desk(harness, tmp_path)
    wish = desk.submit(
        side=Side.BUY, quantity=harness.lot * 10, limit_price=harness.price, time_in_force=TimeInForce.GTC
    )
    trader = desk.live(
        wish,
        harness.settle,
        lambda: harness.trade(harness.instrument, harness.price, harness.lot * 4),
        harness.settle,
        wish,
        harness.settle,
        desk.cancel,
        harness.settle,
        harness.settle,
    )
    assert [v["outcome"] for v in desk.said(e.VERDICT_GIVEN)] == ["accept"], desk.said(e.VERDICT_GIVEN)
    assert len(desk.said(e.ORDER_ACKNOWLEDGED)) == 1
    assert sum(Decimal(f["quantity"]) for f in desk.said(e.ORDER_FILLED)) == harness.lot * 4
    assert len(desk.said(e.ORDER_CANCELLED)) == 1
    assert harness.taken(desk.order_id()) == 1
    assert trader._state.book.position(harness.instrument) == harness.lot * 4
    assert desk.said(e.VENUE_FAILED) == []

    desk.venues = {"market": harness.restart()}
    again = desk.live(harness.settle, desk.reconcile(), harness.settle)
    assert [report["differences"] for report in desk.said(e.RECONCILED)] == [[]] * len(desk.said(e.RECONCILED))
    assert again._state.book.position(harness.instrument) == harness.lot * 4
    assert check_links(desk.ledger).problems == []


def test_executions_while_the_desk_was_down_are_booked_and_a_halt_ends_what_is_open(
    harness: Harness, tmp_path: Path
) -> None:
    desk = a_desk(harness, tmp_path)
    desk.live(
        desk.submit(side=Side.BUY, quantity=harness.lot * 10, limit_price=harness.price, time_in_force=TimeInForce.GTC),
        harness.settle,
        harness.settle,
    )
    harness.trade(harness.instrument, harness.price, harness.lot * 3)
    desk.venues = {"market": harness.restart()}
    halt = halt_event("all", reason="test", actor="person:test", now_ns=1)
    trader = desk.live(
        harness.settle, harness.settle, lambda: desk.ledger.append([halt]), harness.settle, harness.settle
    )
    assert trader._state.book.position(harness.instrument) == harness.lot * 3
    assert desk.said(e.HALT_OBEYED)[0]["orders"] == 1
    assert len(desk.said(e.ORDER_CANCELLED)) == 1
    assert trader._state.open == {}
    assert harness.taken(desk.order_id()) == 1
