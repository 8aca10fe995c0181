"""A ccxt venue at the local exchange, which knows the markets already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contracts.venue_harness import Desk
from tests.integration.venues.ccxt_exchange import CcxtExchange
from tests.integration.venues.ccxt_harness import CcxtHarness


@pytest.fixture
def harness() -> Iterator[CcxtHarness]:
    harness = CcxtHarness()
    yield harness
    harness.close()


@pytest.fixture
def desk(harness: CcxtHarness, tmp_path: Path) -> Desk:
    """A desk whose adapter knows the markets already."""
    desk = Desk(harness, tmp_path)
    desk.venue.quotes()
    return desk


@pytest.fixture
def exchange(harness: CcxtHarness) -> CcxtExchange:
    return harness.exchange
