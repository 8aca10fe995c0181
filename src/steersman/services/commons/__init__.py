"""What several machines of one operation share: locks, small records, pieces of data."""

from steersman.services.commons.ports import MOST_BYTES, Commons, CommonsStanding, Lock
from steersman.services.commons.settings import SECTION, SharedSettings

__all__ = ["MOST_BYTES", "SECTION", "Commons", "CommonsStanding", "Lock", "SharedSettings"]
