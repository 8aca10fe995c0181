"""A desk without bars: it lives by the clock, on the prices its venues quote."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from steersman.trading.ports import Session

NO_FEED: Final = "quotes"


class QuotesOnly:
    """A feed that never has a bar, and never ends."""

    name = NO_FEED
    source = "the prices of the venues"
    live = True

    def sessions(self) -> Iterator[Session | None]:
        while True:
            yield None

    def total(self) -> int | None:
        return None
