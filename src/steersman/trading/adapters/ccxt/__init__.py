"""Crypto exchanges through ccxt: spot orders, one request each, asked about by our own ids."""

from steersman.trading.adapters.ccxt.venue import CcxtVenue, create

__all__ = ["CcxtVenue", "create"]
