"""The lock before real money: a live venue takes no order that a person did not allow, with these very settings."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.builders_serving import Market, ServingDesk

from steersman.bootstrap.venues import Armable, Arming, fingerprint
from steersman.kernel.errors import Unavailable
from steersman.ledger import new_event
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.trading import events as e
from steersman.trading.settings import VenueSettings

LIVE = VenueSettings(kind="ccxt", mode="live")


def arm(desk: ServingDesk, settings: VenueSettings = LIVE, kind: str = e.VENUE_ARMED) -> None:
    data = e.VenueArmed(venue="market", fingerprint=fingerprint(settings), by="person:test", at=1)
    desk.ledger.append([new_event(kind, stream="venue/market", data=data, actor="person:test", now_ns=1)])


@pytest.fixture
def desk(tmp_path: Path) -> ServingDesk:
    made = ServingDesk(memory_ledger(), tmp_path)
    made.venues = {"market": Armable("market", LIVE, lambda: made.market, Arming(made.ledger))}
    return made


def test_a_live_venue_that_nobody_armed_takes_no_order(desk: ServingDesk) -> None:
    desk.live(desk.submit())
    assert desk.market.sent == []
    assert desk.said(e.ORDER_REJECTED)[0]["reason"] == "not sent: venue market is live and nobody armed it"


def test_an_armed_one_does_until_it_is_disarmed(desk: ServingDesk) -> None:
    desk.live(
        lambda: arm(desk),
        desk.submit("1"),
        lambda: arm(desk, kind=e.VENUE_DISARMED),
        desk.submit("2", quantity=Decimal(3)),
    )
    assert [order.quantity for order in desk.market.sent] == [Decimal(10)]


def test_arming_holds_for_the_settings_that_were_armed_only(desk: ServingDesk) -> None:
    arm(desk, VenueSettings(kind="alpaca", mode="live"))
    desk.live(desk.submit())
    assert desk.market.sent == []
    assert "settings changed since it was armed" in desk.said(e.ORDER_REJECTED)[0]["reason"]


def test_ending_orders_and_reading_need_no_permission(desk: ServingDesk) -> None:
    arm(desk)
    desk.live(desk.submit())
    arm(desk, kind=e.VENUE_DISARMED)
    trader = desk.live(desk.cancel)
    assert desk.said(e.ORDER_CANCELLED)
    assert trader._state.open == {}


@pytest.mark.parametrize("mode", ["sandbox", "simulated"])
def test_what_cannot_spend_money_needs_no_arming(mode: Any, tmp_path: Path) -> None:
    assert Arming(memory_ledger()).why_not("market", VenueSettings(kind="x", mode=mode)) is None


def test_what_is_refused_says_how_to_allow_it(desk: ServingDesk) -> None:
    desk.live(desk.submit("1", limit_price=Decimal(99)))
    venue = desk.venues["market"]
    assert isinstance(desk.market, Market)
    with pytest.raises(Unavailable) as refused:
        venue.submit(None)
    assert "steersman venue arm market" in refused.value.fix
