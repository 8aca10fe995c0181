# mypy: ignore-errors
"""What every script here needs of NautilusTrader. Run by a peer's own Python, never imported by Steersman."""

from pathlib import Path

from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Price, Quantity

VENUE = Venue("PAPER")
MAX_NOTIONAL = 25_000


def equity(name):
    """Return a share in cents and whole units, as the desk's instrument is declared."""
    return Equity(
        instrument_id=InstrumentId(Symbol(name), VENUE),
        raw_symbol=Symbol(name),
        currency=USD,
        price_precision=2,
        price_increment=Price.from_str("0.01"),
        lot_size=Quantity.from_int(1),
        ts_event=0,
        ts_init=0,
    )


def quote(instrument, ask, at, bid=None):
    """Return a quote one cent wide below `ask`, unless a bid is given."""
    size = Quantity.from_int(1_000_000)
    return QuoteTick(instrument.id, Price(ask - 0.01 if bid is None else bid, 2), Price(ask, 2), size, size, at, at)


def peak_rss_mb():
    """Return the most memory this program had resident; that of whoever started it is not in it."""
    with Path("/proc/self/status").open(encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024
