"""Watches the ledger for the events that start automations (`on = [...]`)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from steersman.automation.model.manifest import Manifest
from steersman.kernel.errors import Unavailable
from steersman.ledger import Event, Ledger, Subscription

_log = logging.getLogger(__name__)
_LOOK_S = 0.5
OnEvent = Callable[[list[str], Event], None]


def matches(pattern: str, kind: str) -> bool:
    """Say whether an event type is meant by `pattern`: the type itself, or `begin.*`."""
    return kind.startswith(pattern[:-1]) if pattern.endswith(".*") else kind == pattern


class Triggers:
    """Calls `on_event` with the automations each new event starts; does nothing when none is declared."""

    def __init__(self, manifest: Manifest, ledger: Ledger, on_event: OnEvent) -> None:
        self._wanted = [(a.name, pattern) for a in manifest if a.enabled for pattern in a.on]
        self._ledger = ledger
        self._on_event = on_event
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def names_for(self, kind: str) -> list[str]:
        """Return who starts on events of type `kind`."""
        return list(dict.fromkeys(name for name, pattern in self._wanted if matches(pattern, kind)))

    def start(self) -> None:
        """Follow the ledger from its head on, in a thread of its own, until `stop`."""
        if self._wanted:
            after = self._ledger.head().pos
            self._thread = threading.Thread(target=self._follow, args=(after,), name="automation-triggers", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Return once no further start can happen."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _follow(self, after: int) -> None:
        subscription = self._ledger.subscribe(after=after)
        try:
            while not self._stop.is_set():
                for event in self._next(subscription):
                    names = self.names_for(event.type)
                    if names:
                        self._tell(names, event)
        finally:
            subscription.close()

    def _next(self, subscription: Subscription) -> Sequence[Event]:
        try:
            return subscription.next(_LOOK_S)
        except Unavailable:
            self._stop.wait(_LOOK_S)
            return ()

    def _tell(self, names: list[str], event: Event) -> None:
        try:
            self._on_event(names, event)
        except Exception:  # noqa: BLE001 - one event that cannot be handled must not stop all others
            _log.exception("%s did not start %s", event.type, ", ".join(names))
