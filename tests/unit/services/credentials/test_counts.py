"""What is counted of a login, whatever else its stream holds, without reading every lease."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from steersman.ledger import Event, new_event
from steersman.ledger.adapters.memory import MemoryLedger
from steersman.services import events as e
from steersman.services.credentials.counts import Counts


class Reads(MemoryLedger):
    """Counts the events it is asked for."""

    read_ = 0

    def read(self, **asked: Any) -> Iterator[Event]:
        for event in super().read(**asked):
            self.read_ += 1
            yield event


def say(ledger: MemoryLedger, provider: str, *kinds: str) -> None:
    stream = f"provider/{provider}"
    ledger.append([new_event(kind, stream=stream, data={}, actor="test", now_ns=1) for kind in kinds])


@pytest.mark.parametrize("split", [False, True])
def test_leases_and_refreshes_are_counted_in_any_order_and_in_parts(split: bool) -> None:
    ledger = Reads()
    counts = Counts(ledger)
    say(ledger, "a", e.LOGGED_IN, e.TOKEN_REFRESHED, *[e.LEASE_GRANTED] * 500, e.TOKEN_FAILED)
    if split:
        assert counts.read(["a", "b"]) == {"a": (500, 1), "b": (0, 0)}
    say(ledger, "b", e.TOKEN_REFRESHED, e.LEASE_GRANTED, e.REAUTH_REQUIRED, e.LOGGED_OUT)
    say(ledger, "a", e.TOKEN_REFRESHED, e.LEASE_GRANTED)
    assert counts.read(["a", "b"]) == {"a": (501, 2), "b": (1, 1)}
    assert ledger.read_ == 7
