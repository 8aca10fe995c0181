"""How often each login was leased and fetched, as far as the ledger remembers; read on from where it stopped."""

from __future__ import annotations

import threading
from collections import Counter

from steersman.ledger import Ledger
from steersman.services.events import LEASE_GRANTED, TOKEN_REFRESHED


class Counts:
    """Counts by provider."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._mutex = threading.Lock()
        self._pos = 0
        self._found: Counter[tuple[str, str]] = Counter()

    def read(self) -> dict[str, tuple[int, int]]:
        """Return (leases, refreshes) by provider."""
        with self._mutex:
            for event in self._ledger.read(after=self._pos, types=(LEASE_GRANTED, TOKEN_REFRESHED)):
                self._found[event.stream.removeprefix("provider/"), event.type] += 1
                self._pos = event.pos
            names = {name for name, _ in self._found}
            return {n: (self._found[n, LEASE_GRANTED], self._found[n, TOKEN_REFRESHED]) for n in names}
