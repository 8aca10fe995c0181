"""What the account says of orders and positions, in our words; ours or not. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from steersman.trading.adapters.alpaca.wire import Malformed, OrderJson, PositionJson, status_of, units
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import VenueOrder, VenuePosition
from steersman.trading.model.signal import Side


class Names:
    """Our names of symbols; a symbol that none of our instruments means is its own name."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._names = {bare(i.symbol or i.name): name for name, i in instruments.items()}

    def of(self, symbol: str) -> str:
        return self._names.get(bare(symbol), symbol)


def bare(symbol: str) -> str:
    """Return the spelling that all places share: crypto is BTC/USD in one place and BTCUSD in another."""
    return symbol.replace("/", "")


def order(told: OrderJson, names: Names) -> VenueOrder:
    """Return an order as the account tells it.

    Raises:
        Malformed: side, quantities or status make no sense.
    """
    what = f"of order {told.client_order_id[:48]}"
    if told.side not in ("buy", "sell"):
        raise Malformed(
            f"alpaca: side {what} is {told.side[:20]!r}; allowed: buy, sell",
            fix="orders of several legs cannot be told; end it in Alpaca's dashboard",
        )
    filled = units(told.filled_qty, f"filled_qty {what}")
    quantity = filled if told.qty is None else units(told.qty, f"qty {what}")
    if filled > quantity:
        raise Malformed(f"alpaca: filled_qty {what} is {filled:f} of {quantity:f}")
    return VenueOrder(
        order_id=told.client_order_id,
        venue_order_id=told.id,
        instrument=names.of(told.symbol),
        side=Side(told.side),
        quantity=quantity,
        filled=filled,
        status=status_of(told),
        reason=f"given in money ({told.notional}), not in units" if told.qty is None else "",
    )


def position(told: PositionJson, names: Names) -> VenuePosition:
    """Return what is held of one symbol, signed.

    Raises:
        Malformed: side and quantity contradict each other, or are no numbers to count with.
    """
    what = f"of the position in {told.symbol[:20]}"
    size = units(told.qty.copy_abs(), f"qty {what}")
    if told.side not in ("long", "short") or (told.side == "long" and told.qty < 0):
        raise Malformed(f"alpaca: side or qty {what}: {told.side[:20]!r} {told.qty}")
    average = told.avg_entry_price
    return VenuePosition(
        instrument=names.of(told.symbol),
        quantity=-size if told.side == "short" else size,
        average_price=None if average is None else units(average, f"avg_entry_price {what}"),
    )
