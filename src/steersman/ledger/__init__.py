"""One append-only event store that every process writes to and reads from."""

from steersman.ledger.event import Event, NewEvent, new_event
from steersman.ledger.ports import ANY, Appended, Head, Ledger, Subscription, Verification

__all__ = ["ANY", "Appended", "Event", "Head", "Ledger", "NewEvent", "Subscription", "Verification", "new_event"]
