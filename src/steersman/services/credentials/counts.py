"""How often each login was leased and fetched, as far as the ledger remembers; read on from where it stopped."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable

from steersman.ledger import Ledger
from steersman.services.events import LOGGED_IN, LOGGED_OUT, REAUTH_REQUIRED, TOKEN_FAILED, TOKEN_REFRESHED

_SELDOM = (TOKEN_REFRESHED, TOKEN_FAILED, REAUTH_REQUIRED, LOGGED_IN, LOGGED_OUT)


class Counts:
    """Counts by provider.

    Leases are most of what is in a provider's stream, millions in a year: they are what is left of its length after
    everything else, so none of them is read.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._mutex = threading.Lock()
        self._pos = 0
        self._others: Counter[str] = Counter()
        self._refreshes: Counter[str] = Counter()

    def read(self, providers: Iterable[str]) -> dict[str, tuple[int, int]]:
        """Return (leases, refreshes) of each of `providers`."""
        with self._mutex:
            for event in self._ledger.read(after=self._pos, types=_SELDOM):
                provider = event.stream.removeprefix("provider/")
                self._others[provider] += 1
                self._refreshes[provider] += event.type == TOKEN_REFRESHED
                self._pos = event.pos
            return {name: (self._leases(name), self._refreshes[name]) for name in providers}

    def _leases(self, provider: str) -> int:
        return max(0, self._ledger.stream_version(f"provider/{provider}") - self._others[provider])
