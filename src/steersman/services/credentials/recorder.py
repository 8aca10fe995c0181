"""What happens to logins in the ledger: durable before anybody acts on it, waiting for a core that restarts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final
from uuid import UUID

import msgspec

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Conflict, Unavailable
from steersman.kernel.ids import stable_uuid
from steersman.ledger import Ledger, NewEvent, new_event
from steersman.services.events import LEASE_GRANTED, LeaseGranted

ACTOR: Final = "credentials"
_PAUSES_S: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0)
_PATIENCE_S: Final = 6.0


class Recorder:
    """Appends events about logins, stream `provider/<name>`; tries for about six seconds."""

    def __init__(self, ledger: Ledger, clock: Clock, *, wait: Callable[[float], object] | None = None) -> None:
        """`wait` sleeps that many seconds while the ledger takes nothing."""
        self._ledger = ledger
        self._clock = clock
        self._wait = wait or threading.Event().wait

    def say(
        self, kind: str, provider: str, data: msgspec.Struct, *, actor: str = ACTOR, id: UUID | None = None
    ) -> None:
        """Append an event.

        Raises:
            Unavailable: the ledger takes none.
        """
        self._append(
            new_event(kind, stream=f"provider/{provider}", data=data, actor=actor, now_ns=self._clock.now_ns(), id=id)
        )

    def say_about(self, stream: str, kind: str, data: msgspec.Struct, *, actor: str = ACTOR) -> None:
        """Append an event about what several logins have in common: their keys, what machines share.

        Raises:
            Unavailable: the ledger takes none.
        """
        self._append(new_event(kind, stream=stream, data=data, actor=actor, now_ns=self._clock.now_ns()))

    def granted(self, lease: LeaseGranted) -> None:
        """Append a lease; its event is found again by the lease's id.

        Raises:
            Unavailable: the ledger takes none.
        """
        self.say(LEASE_GRANTED, lease.provider, lease, actor=lease.who, id=_lease_event(lease.lease_id))

    def lease(self, lease_id: str) -> LeaseGranted | None:
        """Return what was granted under that id, None if nothing was."""
        event = self._ledger.get(_lease_event(lease_id))
        if event is None or event.type != LEASE_GRANTED:
            return None
        return msgspec.json.decode(event.data, type=LeaseGranted)

    def _append(self, event: NewEvent) -> None:
        until = self._clock.elapsed_ns() + int(_PATIENCE_S * 1e9)
        for pause_s in (*_PAUSES_S, 0.0):
            try:
                self._ledger.append([event])
            except Conflict as exc:
                if self._ledger.get(event.id) is not None:
                    # Said before, perhaps by another process at another instant: the first telling stands.
                    return
                # Without a core, another process is the writer for a moment.
                failed = Unavailable(f"the ledger takes no event: {exc.message}", fix=exc.fix)
            except Unavailable as exc:
                failed = exc
            else:
                return
            # A ledger that itself waits before it says no must not multiply that: a login's lock may be held here.
            if self._clock.elapsed_ns() > until:
                break
            self._wait(pause_s)
        raise failed


def _lease_event(lease_id: str) -> UUID:
    return stable_uuid("services.lease", lease_id)
