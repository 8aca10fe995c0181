"""A FIX venue and its counterparty, started as a test wants them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.venues.fix_harness import FixHarness
from tests.integration.venues.fix_steps import (
    Start,
)

from steersman.trading.adapters.fix import FixVenue


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    made: list[FixHarness] = []

    def begin(**changes: Any) -> tuple[FixHarness, FixVenue]:
        harness = FixHarness(tmp_path, **changes)
        made.append(harness)
        return harness, harness.make(tmp_path)

    yield begin
    for harness in made:
        harness.close()
