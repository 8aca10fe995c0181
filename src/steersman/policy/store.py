"""The policy in force, folded from the ledger; and the event that puts a new version in force."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import msgspec

from steersman.ledger import Event, Ledger, NewEvent, new_event
from steersman.policy.events import (
    ACTIVATED,
    HALT_LIFTED,
    HALT_SET,
    HALT_STREAM,
    POLICY_STREAM,
    HaltLifted,
    HaltSet,
    PolicyActivated,
)
from steersman.policy.halts import HaltState, parse_scope
from steersman.policy.parameter import Catalogue
from steersman.policy.snapshot import Snapshot

_TYPES = (ACTIVATED, HALT_SET, HALT_LIFTED)


class PolicyStore:
    """Follows a ledger: `snapshot` and `halts` are as of the last `refresh()`.

    `refresh` costs one comparison while nothing was appended. The hot path calls it before it judges and again before
    it sends, so a halt that was acknowledged to anybody is seen by the very next order.
    """

    def __init__(self, ledger: Ledger, catalogue: Catalogue) -> None:
        self._ledger = ledger
        self._catalogue = catalogue
        self._lock = threading.Lock()
        self._seen = 0
        self.halts = HaltState()
        self.snapshot = Snapshot(version=0, values={}, catalogue=catalogue)
        self.refresh()

    def refresh(self) -> None:
        """Take in every policy event up to the head."""
        head = self._ledger.head().pos
        if head == self._seen:
            return
        with self._lock:
            for event in self._ledger.read(after=self._seen, types=_TYPES):
                self._apply(event)
                head = max(head, event.pos)
            self._seen = head

    def current(self) -> Snapshot:
        """Refresh, then return the snapshot."""
        self.refresh()
        return self.snapshot

    def current_halts(self) -> HaltState:
        """Refresh, then return the halts."""
        self.refresh()
        return self.halts

    def _apply(self, event: Event) -> None:
        if event.type == ACTIVATED:
            activated = msgspec.json.decode(event.data, type=PolicyActivated)
            # A parameter that was retired since is history: it must not stop the desk from starting.
            known = {k: v for k, v in activated.values.items() if self._catalogue.get(k) is not None}
            self.snapshot = Snapshot(version=activated.version, values=known, catalogue=self._catalogue)
        else:
            self.halts = self.halts.apply(event)


def history(ledger: Ledger) -> list[tuple[Event, PolicyActivated]]:
    """Return every version that was ever in force, oldest first."""
    return [(e, msgspec.json.decode(e.data, type=PolicyActivated)) for e in ledger.read(types=(ACTIVATED,))]


def activate(
    ledger: Ledger, values: Mapping[str, str], *, actor: str, reason: str, source: str, now_ns: int
) -> PolicyActivated | None:
    """Put `values` in force as the next version, unless they are in force already; return the new version.

    `values` is complete: full parameter name (with `@scope:key` for overrides) to canonical text.

    Raises:
        Conflict: another version was activated meanwhile.
    """
    versions = history(ledger)
    before = versions[-1][1].values if versions else {}
    after = dict(values)
    if versions and before == after:
        return None
    changed = {
        name: (before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    }
    version = len(versions) + 1
    activated = PolicyActivated(version=version, values=after, changed=changed, reason=reason, source=source)
    event = new_event(ACTIVATED, stream=POLICY_STREAM, data=activated, actor=actor, now_ns=now_ns)
    ledger.append([event], expect=version - 1)
    return activated


def halt_event(scope: str, *, reason: str, actor: str, now_ns: int) -> NewEvent:
    """Return the event that stops `scope`; anybody and anything may halt."""
    return new_event(
        HALT_SET, stream=HALT_STREAM, data=HaltSet(scope=parse_scope(scope), reason=reason), actor=actor, now_ns=now_ns
    )


def resume_event(scope: str, *, reason: str, actor: str, now_ns: int) -> NewEvent:
    """Return the event that re-arms `scope`.

    Raises:
        ValueError: `actor` is not a person; nothing else may re-arm.
    """
    if not actor.startswith("person:"):
        raise ValueError(f"only a person may lift a halt, not {actor}")
    lifted = HaltLifted(scope=parse_scope(scope), reason=reason)
    return new_event(HALT_LIFTED, stream=HALT_STREAM, data=lifted, actor=actor, now_ns=now_ns)
