"""Signals in, checked orders out: the pre-trade gate, the order path, the book and the trade journal's facts.

A strategy file needs three of these names: `Bar`, `buy` and `sell`.
"""

from steersman.trading.handlers.strategies import Intent, buy, sell
from steersman.trading.model.bar import Bar
from steersman.trading.model.signal import TimeInForce

__all__ = ["Bar", "Intent", "TimeInForce", "buy", "sell"]
