"""What fills tell about a venue's fees."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders_trading_ledger import a_fill

from steersman.trading.adapters.paper.models import Costs, fee
from steersman.trading.events import OrderFilled
from steersman.trading.whatif.costs import Schedule, observed_schedules


def a_paid_fill(number: int, quantity: int, price: str, paid: str, slippage: float | None = None) -> OrderFilled:
    made = a_fill(f"e{number}", order_id=f"o{number}", quantity=quantity, price=price)
    return msgspec.structs.replace(made, fee=Decimal(paid), slippage_bps=slippage)


def schedule(*fills: OrderFilled) -> Schedule:
    return observed_schedules(fills)["paper"]


@given(
    bps=st.integers(0, 50),
    least=st.sampled_from(["0", "0.35", "1", "5"]),
    orders=st.lists(st.tuples(st.integers(1, 900), st.integers(1, 40_000)), min_size=1, max_size=40),
)
def test_fees_of_a_share_and_a_least_are_explained_to_the_last_cent(
    bps: int, least: str, orders: list[tuple[int, int]]
) -> None:
    costs = Costs(
        seed=1,
        latency_ns=0,
        fee_bps=Decimal(bps),
        fee_min=Decimal(least),
        slippage_bps=Decimal(0),
        participation=Decimal(1),
    )
    fills = []
    for number, (quantity, cents) in enumerate(orders):
        price = Decimal(cents) / 100
        paid = fee(quantity * price, costs, first=True)
        fills.append(a_paid_fill(number, quantity, str(price), str(paid)))
    found = schedule(*fills)
    assert found.is_exact
    assert (found.explains, found.fills) == (len(fills), len(fills))


def test_a_cut_fill_pays_its_share_and_at_least_the_least() -> None:
    found = schedule(
        a_paid_fill(1, 100, "100", "1.00"), a_paid_fill(2, 50, "100", "1.00"), a_paid_fill(3, 1000, "100", "10.00")
    )
    assert (found.fee_bps, found.fee_min) == (Decimal(1), Decimal(1))
    large = a_paid_fill(4, 1000, "100", "10.00")
    assert found.scaled(large, Decimal(1000), first=True) == Decimal("10.00")
    assert found.scaled(large, Decimal(300), first=True) == Decimal("3.00")
    assert found.scaled(large, Decimal(30), first=True) == Decimal("1.00")
    assert found.scaled(large, Decimal(30), first=False) == Decimal("0.30")


def test_fees_without_a_rule_are_scaled_by_value_and_said_to_be() -> None:
    found = schedule(
        a_paid_fill(1, 100, "100", "1.00"), a_paid_fill(2, 200, "100", "9.00"), a_paid_fill(3, 300, "100", "2.00")
    )
    assert not found.is_exact
    assert found.scaled(a_paid_fill(4, 200, "100", "9.00"), Decimal(100), first=True) == Decimal("4.50")


def test_the_usual_slippage_is_the_median_of_what_is_known() -> None:
    fills = [a_paid_fill(n, 1, "100", "1", slippage) for n, slippage in enumerate((None, 9.0, -1.0, 2.0))]
    assert schedule(*fills).slippage_bps == Decimal("2.0")


@pytest.mark.parametrize("paid", ["0.00012345", "0.10"])
def test_fees_keep_their_own_decimals(paid: str) -> None:
    found = schedule(a_paid_fill(1, 1, "100", paid))
    assert found.fee(Decimal(100), first=True) == Decimal(paid)
