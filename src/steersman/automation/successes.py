"""When runs succeeded, followed through the ledger: what deadlines are judged by."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Final

import msgspec

from steersman.automation.events import RUN_FINISHED, RunFinished, RunStarted
from steersman.ledger import Ledger

# As far as clocks of several machines, or one that was set, may disagree about the order of events; and as much earlier
# as an engine may begin a run that is due.
_SLACK_NS: Final = 3_600_000_000_000


class _Found:
    """The successes of one automation, ready to be asked."""

    def __init__(self) -> None:
        self._all: list[tuple[int, int]] = []
        self._began: list[int] = []
        self._soonest: list[int] = []
        self.of_run: dict[str, int] = {}
        self.of_start: dict[int, int] = {}

    def add(self, run_id: str, began: int, ended: int, scheduled_at: int | None) -> None:
        self._all.append((began, ended))
        self.of_run.setdefault(run_id, ended)
        if scheduled_at is not None:
            self.of_start.setdefault(scheduled_at, ended)

    def since(self, start: int) -> int | None:
        """Return when the first that began at `start` or later ended."""
        if len(self._began) != len(self._all):
            self._all.sort()
            self._began = [began for began, _ in self._all]
            self._soonest = [*accumulate((ended for _, ended in reversed(self._all)), min)][::-1]
        place = bisect_left(self._began, start)
        return self._soonest[place] if place < len(self._soonest) else None

    def forget(self, before: int) -> None:
        self._all = [one for one in self._all if one[1] > before]
        self._began = []
        self.of_run = {run_id: ended for run_id, ended in self.of_run.items() if ended > before}
        self.of_start = {start: ended for start, ended in self.of_start.items() if ended > before}


class Successes:
    """Every success since the earliest instant that anybody asks about."""

    def __init__(self, ledger: Ledger, started: Callable[[str], RunStarted | None]) -> None:
        """Prepare; `started` returns the recorded start of a run."""
        self._ledger = ledger
        self._started = started
        self._after: int | None = None
        self._found: dict[str, _Found] = {}

    def follow(self, needed: Mapping[str, int]) -> None:
        """Take in what ended since the last time; keep what ended after the instant (ns) `needed` of its automation."""
        if not needed:
            return
        if self._after is None:
            self._after = position_before(self._ledger, min(needed.values()) - _SLACK_NS)
        head = self._ledger.head().pos
        for event in self._ledger.read(after=self._after, types=(RUN_FINISHED,)):
            head = max(head, event.pos)
            end = msgspec.json.decode(event.data, type=RunFinished)
            if end.status == "succeeded" and end.automation in needed:
                start = self._started(end.run_id)
                self._found.setdefault(end.automation, _Found()).add(
                    end.run_id, end.at - round(end.wall_s * 1e9), end.at, start.scheduled_at if start else None
                )
        self._after = head
        for name in [*self._found]:
            if name in needed:
                self._found[name].forget(needed[name] - _SLACK_NS)
            else:
                del self._found[name]

    def since(self, name: str, start: int) -> int | None:
        """Return when (ns) the first run of `name` that began at `start` or later succeeded, None if none did."""
        found = self._found.get(name)
        return found.since(start) if found is not None else None

    def of(self, name: str, run_id: str, start: int) -> int | None:
        """Return when (ns) the run `run_id`, or another of `name` for the start due at `start`, succeeded."""
        found = self._found.get(name)
        if found is None:
            return None
        return min(
            (end for end in (found.of_run.get(run_id), found.of_start.get(start)) if end is not None), default=None
        )


def position_before(ledger: Ledger, at_ns: int) -> int:
    """Return a position such that what was recorded at `at_ns` or later stands behind it, clocks that jump aside."""
    low, high = 0, ledger.head().pos
    while low < high:
        middle = (low + high) // 2
        event = next(iter(ledger.read(after=middle, limit=1)), None)
        if event is None or event.recorded_at >= at_ns:
            high = middle
        else:
            low = event.pos
    return low
