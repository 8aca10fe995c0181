"""KPI values kept between requests: all of them cost about 0.1 s, and a busy ledger moves many times a second."""

from __future__ import annotations

import threading
from typing import Final

from steersman.bootstrap.desk import Desk
from steersman.feedback import KpiValue, values
from steersman.feedback.settings import validate

_FRESH_NS: Final = 2_000_000_000


class Kpis:
    """The values as of the ledger's head, or as of at most two seconds ago while it moves; for any thread."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._kpis = validate(desk.workspace.file, desk.workspace.kpis)
        self._lock = threading.Lock()
        self._found: list[KpiValue] = []
        self._pos = -1
        self._made_at = 0

    def now(self) -> list[KpiValue]:
        """Return the values; the read models must have been refreshed."""
        with self._lock:
            clock, head = self._desk.clock, self._desk.ledger.head().pos
            old = clock.elapsed_ns() - self._made_at > _FRESH_NS
            if self._pos < 0 or (head != self._pos and old):
                self._found = values(self._desk.db, self._kpis, now_ns=clock.now_ns())
                self._pos, self._made_at = head, clock.elapsed_ns()
            return self._found

    def are_behind(self) -> bool:
        """Say whether `now` last returned values of an earlier head."""
        with self._lock:
            return self._pos != self._desk.ledger.head().pos
