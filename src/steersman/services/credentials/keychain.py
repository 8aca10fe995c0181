"""The ring as this process knows it: read once, read again when it may have changed, made once by whoever is first."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured
from steersman.services.credentials import files
from steersman.services.credentials.keys import Ring, new_ring
from steersman.services.credentials.lock import held
from steersman.services.credentials.places import ENVIRONMENT_FIX, Chosen, Places

_LOCK_S: Final = 30.0


class Keychain:
    """Hands out the ring; safe for many threads and processes."""

    def __init__(self, state: Path, places: Places, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._mutex = threading.Lock()
        self._ring: Ring | None = None
        self._seen: tuple[int, int, int] | None = None
        self.places = places

    def lock(self) -> AbstractContextManager[None]:
        """Hold this while the ring changes."""
        return held(files.private_folder(self._state) / "keys.lock", clock=self._clock, timeout_s=_LOCK_S)

    def ring(self) -> Ring:
        """Return the ring as last read, read again after a rotation: names of tokens must be the same in every process,
        also in one that has run since before it."""
        with self._mutex:
            if self._ring is not None and self.places.mark() == self._seen:
                return self._ring
            return self._read()

    def fresh(self) -> Ring:
        """Return the ring as it is now: asked before sealing, so that nothing is sealed under a key that goes.

        Raises:
            Misconfigured: the keys are gone.
            Unavailable: the keyring does not answer.
        """
        with self._mutex:
            return self._read()

    def _read(self) -> Ring:
        # The mark first: what changes while we read is noticed the next time.
        self._seen = self.places.mark()
        chosen = self.places.chosen()
        self._ring = self._make() if chosen is None else self._load(chosen)
        return self._ring

    def _load(self, chosen: Chosen) -> Ring:
        found = self.places.load(chosen)
        if found is None:
            raise _gone(chosen, self._state)
        return found

    def _make(self) -> Ring:
        """Make the first key; of several processes that find none, one does."""
        with self.lock():
            chosen = self.places.chosen()
            if chosen is not None:
                return self._load(chosen)
            chosen = self.places.choose()
            ring = self.places.load(chosen) or new_ring()
            # The key first: a place that is written down without a key would read as a lost key.
            self.places.save(chosen, ring)
            self.places.remember(chosen)
            return ring


def _gone(chosen: Chosen, state: Path) -> Misconfigured:
    if chosen.place == "environment":
        return Misconfigured("the logins are sealed with STEERSMAN_KEY, which is not set", fix=ENVIRONMENT_FIX)
    where = "the OS keyring" if chosen.place == "keyring" else str(state / "keys")
    return Misconfigured(
        f"the key that seals the logins is gone from {where}",
        fix=f"restore it; if it is lost, remove {state / 'key-place.json'} and log in again everywhere",
    )
