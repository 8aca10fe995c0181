"""US stocks and crypto at Alpaca, through an order client of our own that sends once."""

from steersman.trading.adapters.alpaca.venue import AlpacaVenue, create

__all__ = ["AlpacaVenue", "create"]
