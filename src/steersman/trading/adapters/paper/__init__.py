"""A simulated venue: fills orders against bars that close after them, the same way for the same seed."""

from steersman.trading.adapters.paper.venue import PaperVenue, create

__all__ = ["PaperVenue", "create"]
