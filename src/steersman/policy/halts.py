"""The halt switch: one fold over two event types, read in the gate and again just before a send."""

from __future__ import annotations

from typing import NewType

import msgspec

from steersman.kernel.errors import Misconfigured
from steersman.ledger import Event
from steersman.policy.events import HALT_LIFTED, HALT_SET, HaltLifted, HaltSet

Scope = NewType("Scope", str)
"""`all`, `venue:NAME`, `strategy:NAME` or `instrument:NAME`."""

KINDS = ("venue", "strategy", "instrument")


def parse_scope(text: str) -> Scope:
    """Return `text` as a scope.

    Raises:
        Misconfigured: neither `all` nor `venue|strategy|instrument:NAME`.
    """
    kind, colon, name = text.partition(":")
    if text == "all" or (colon and name and kind in KINDS):
        return Scope(text)
    raise Misconfigured(
        f"{text!r} is not a halt scope",
        fix="use all, venue:NAME, strategy:NAME or instrument:NAME, e.g. strategy:trend",
    )


class HaltState(msgspec.Struct, frozen=True):
    """Which scopes are halted, and why."""

    reasons: dict[str, str] = {}

    def apply(self, event: Event) -> HaltState:
        """Return the state after `event`; other event types change nothing."""
        if event.type == HALT_SET:
            halt = msgspec.json.decode(event.data, type=HaltSet)
            return HaltState({**self.reasons, halt.scope: halt.reason})
        if event.type == HALT_LIFTED:
            lifted = msgspec.json.decode(event.data, type=HaltLifted)
            return HaltState({k: v for k, v in self.reasons.items() if lifted.scope not in (k, "all")})
        return self

    def covering(self, *, venue: str, strategy: str, instrument: str) -> str | None:
        """Return the first halted scope that covers this order, or None."""
        if not self.reasons:
            return None
        for scope in ("all", f"venue:{venue}", f"strategy:{strategy}", f"instrument:{instrument}"):
            if scope in self.reasons:
                return scope
        return None
