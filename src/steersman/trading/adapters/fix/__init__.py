"""A FIX 4.2 or 4.4 session to a broker or an exchange, as its initiator."""

from steersman.trading.adapters.fix.venue import FixVenue, create

__all__ = ["FixVenue", "create"]
