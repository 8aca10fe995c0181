"""What several machines of one operation share: locks, small records, pieces of data."""

from steersman.services.commons.looking import CommonsReport, Watch, in_words, look
from steersman.services.commons.ports import MOST_BYTES, Commons, CommonsStanding, Concern, Lock
from steersman.services.commons.settings import SECTION, SharedSettings

__all__ = [
    "MOST_BYTES",
    "SECTION",
    "Commons",
    "CommonsReport",
    "CommonsStanding",
    "Concern",
    "Lock",
    "SharedSettings",
    "Watch",
    "in_words",
    "look",
]
