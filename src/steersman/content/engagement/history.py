"""Every observation of the ledger, followed as it grows: what slots are learned from."""

from __future__ import annotations

from collections import Counter
from typing import Final

import msgspec

from steersman.content.events.engagement import AGES_S, ENGAGEMENT_OBSERVED, EngagementObserved
from steersman.ledger import Ledger

_PREFERRED_S: Final = AGES_S[1]


class History:
    """Observations by channel and age; the last one of a post at an age counts."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._read = 0
        self._seen: dict[str, dict[tuple[str, int], EngagementObserved]] = {}

    def observations(self, channel: str, age_s: int) -> list[EngagementObserved]:
        """Return what was observed on a channel at one age, oldest post first."""
        self._follow()
        found = [seen for (_, age), seen in self._seen.get(channel, {}).items() if age == age_s]
        return sorted(found, key=lambda seen: (seen.published_at, seen.key))

    def age(self, channel: str) -> int:
        """Return the age at which posts of a channel are compared: the one with most posts; 24 hours when that ties."""
        self._follow()
        counted = Counter(age for _, age in self._seen.get(channel, {}))
        return max(AGES_S, key=lambda age: (counted[age], age == _PREFERRED_S))

    def channels(self) -> list[str]:
        """Return the channels that anything was observed on."""
        self._follow()
        return sorted(self._seen)

    def _follow(self) -> None:
        for event in self._ledger.read(after=self._read, types=(ENGAGEMENT_OBSERVED,)):
            self._read = event.pos
            seen = msgspec.json.decode(event.data, type=EngagementObserved)
            self._seen.setdefault(seen.channel, {})[seen.key, seen.age_s] = seen
