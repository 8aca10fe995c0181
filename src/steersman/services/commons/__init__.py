"""What several machines of one operation share: locks, small records, pieces of data."""

from steersman.services.commons.ports import Commons, Lock

__all__ = ["Commons", "Lock"]
