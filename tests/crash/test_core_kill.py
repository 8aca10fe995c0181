"""kill -9 of a trading core: at any step, drawn and enumerated, no order is lost or sent twice and no fill is lost."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.builders_serving import ServingDesk

from steersman.bootstrap.proof import kill, kill_at_each_step
from steersman.ledger import ANY, Appended, Ledger, NewEvent
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.trading import events as e
from steersman.trading.links import check_links

pytestmark = pytest.mark.crash


def test_a_killed_core_loses_nothing_and_sends_nothing_twice() -> None:
    report = kill(25, seed=3, signals=12)
    assert report.ok, report
    assert report.kills >= 25
    assert report.fills > 10


def test_a_core_killed_at_each_of_its_steps_in_turn_loses_nothing() -> None:
    report = kill_at_each_step(signals=2)
    assert report.ok, report
    assert report.kills == report.desks - 1 > 40, "every step but the one behind the last"


def test_a_core_that_does_not_ask_before_it_sends_again_is_found_out() -> None:
    report = kill(40, seed=3, signals=12, careless=True)
    assert report.orders_sent_twice > 0
    assert not report.ok


class Cut(BaseException):
    """The process is gone."""


class Steps:
    """A step is just before or just after an append or a call to the venue; the life ends at step `last`."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.done = 0

    def take(self) -> None:
        self.done += 1
        if self.done == self.last:
            raise Cut


class CutLedger:
    def __init__(self, inner: Ledger, steps: Steps) -> None:
        self._inner, self._steps = inner, steps

    def append(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Appended:
        self._steps.take()
        done = self._inner.append(events, expect=expect)
        self._steps.take()
        return done

    def append_soon(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Future[Appended]:
        future: Future[Appended] = Future()
        future.set_result(self.append(events, expect=expect))
        return future

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class CutVenue:
    def __init__(self, inner: Any, steps: Steps) -> None:
        self._inner, self._steps = inner, steps

    def submit(self, order: Any) -> None:
        self._steps.take()
        self._inner.submit(order)
        self._steps.take()

    def cancel(self, order_id: Any) -> None:
        self._steps.take()
        self._inner.cancel(order_id)
        self._steps.take()

    def poll(self) -> Any:
        found = self._inner.poll()
        if found:
            self._steps.take()
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


BARS = """
from steersman.trading import TimeInForce, buy

class Strategy:
    seen = 0

    def on_bar(self, bar):
        self.seen += 1
        if self.seen > 22:
            yield buy(bar.instrument, self.seen, limit=99, time_in_force=TimeInForce.GTC)
"""


def at_bars(tmp_path: Path) -> ServingDesk:
    """Return a desk whose strategy sends orders to a real venue from its last bars."""
    return ServingDesk(memory_ledger(), tmp_path, strategy=BARS, max_signal_age="10d")


def test_cut_at_every_step_of_a_round_no_order_goes_to_a_venue_twice(tmp_path: Path) -> None:
    undisturbed, steps = at_bars(tmp_path), Steps(0)
    undisturbed.watched = CutLedger(undisturbed.ledger, steps)
    undisturbed.venues = {"market": CutVenue(undisturbed.market, steps)}
    undisturbed.live()
    assert len(undisturbed.market.sent) == 3
    for last in range(1, steps.done + 1):
        desk, cut = at_bars(tmp_path), Steps(last)
        desk.watched = CutLedger(desk.ledger, cut)
        desk.venues = {"market": CutVenue(desk.market, cut)}
        with pytest.raises(Cut):
            desk.live()
        desk.watched, desk.venues = desk.ledger, {"market": desk.market}
        trader = desk.live()
        assert set(trader._state.open) == {i for i, status in desk.market.status.items() if status == "open"}
        sent = [order.order_id for order in desk.market.sent]
        assert len(sent) == len(set(sent)), f"sent twice, cut at step {last} of {steps.done}"
        ended = {said["order_id"] for said in desk.said(e.ORDER_CANCELLED)}
        wanted = {said["order_id"] for said in desk.said(e.ORDER_SUBMITTED)}
        assert wanted == set(sent) | ended, f"lost, cut at step {last} of {steps.done}"
        assert len(wanted) == 3
        assert desk.said("policy.halt.set") == []


def a_day(desk: ServingDesk) -> list[Any]:
    """Return everything a desk can be asked for in a few minutes; each act does nothing if it was done before."""

    def trade(number: int, quantity: int) -> Any:
        def do() -> None:
            order_id = desk.order_id(number)
            if desk.market.status.get(order_id) == "open" and not desk.market.filled[order_id]:
                desk.market.trade(order_id, quantity)

        return do

    def ask(what: Any, kind: str) -> Any:
        return lambda: None if desk.said(kind) else what()

    def answer() -> None:
        if len(desk.events("approval.granted")) == 0 and desk.said(e.HOLD_REQUESTED):
            desk.answer("3")()

    return [
        desk.submit("1"),
        trade(0, 10),
        desk.submit("2", limit_price=Decimal(99)),
        ask(desk.replace(limit_price=Decimal("99.5")), e.ORDER_REPLACE_REQUESTED),
        desk.submit("3", quantity=Decimal(40)),
        answer,
        desk.submit("4", stop_loss=Decimal(95), take_profit=Decimal(110)),
        ask(desk.cancel, e.ORDER_CANCEL_REQUESTED),
    ]


def ending(desk: ServingDesk) -> dict[str, Any]:
    """Return what a day comes down to, however many lives it took; ids of requests differ from life to life."""
    wanted = {o["order_id"]: (named(o["signal_id"], desk), o["quantity"]) for o in desk.said(e.ORDER_SUBMITTED)}
    return {
        "orders": sorted(wanted.values()),
        "at_the_venue": sorted(wanted[order_id] for order_id in desk.market.orders),
        "open": sorted(wanted[i] for i, status in desk.market.status.items() if status == "open"),
        "fills": sorted((wanted[f["order_id"]], f["quantity"]) for f in desk.said(e.ORDER_FILLED)),
        "verdicts": sorted((named(v["signal_id"], desk), v["outcome"]) for v in desk.said(e.VERDICT_GIVEN)),
        "problems": check_links(desk.ledger).problems,
    }


def named(signal_id: str, desk: ServingDesk) -> str:
    return "replacement" if signal_id.startswith("replace/") else signal_id


def test_cut_at_every_step_the_day_ends_the_same(tmp_path: Path) -> None:
    undisturbed = ServingDesk(memory_ledger(), tmp_path)
    steps = Steps(0)
    undisturbed.watched = CutLedger(undisturbed.ledger, steps)
    undisturbed.venues = {"market": CutVenue(undisturbed.market, steps)}
    undisturbed.live(*a_day(undisturbed))
    expected = ending(undisturbed)
    assert len(expected["orders"]) >= 5
    for last in range(1, steps.done + 1):
        desk = ServingDesk(memory_ledger(), tmp_path)
        cut = Steps(last)
        desk.watched = CutLedger(desk.ledger, cut)
        desk.venues = {"market": CutVenue(desk.market, cut)}
        with pytest.raises(Cut):
            desk.live(*a_day(desk))
        desk.watched, desk.venues = desk.ledger, {"market": desk.market}
        desk.live(*a_day(desk))
        assert ending(desk) == expected, f"cut at step {last} of {steps.done}"
        sent = [order.order_id for order in desk.market.sent]
        assert len(sent) == len(set(sent)), f"sent twice, cut at step {last}"
