"""How every pull stands: what lies here, and the counts that the ledger remembers."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

import msgspec

from steersman.ledger import Ledger
from steersman.services.events import DATA_FETCHED, DATA_PULLED, DATA_REFUSED, DATA_SERVED, PULL_FAILED
from steersman.services.ports import PullStatus
from steersman.services.pulls.frames import Frames
from steersman.services.pulls.machines import Machines
from steersman.services.pulls.model import AD_HOC
from steersman.services.pulls.recording import Recorder
from steersman.services.pulls.records import Record, Records
from steersman.services.pulls.settings import PullSettings

_TYPES: Final = (DATA_PULLED, DATA_FETCHED, DATA_REFUSED, DATA_SERVED, PULL_FAILED)


class _Counts:
    def __init__(self) -> None:
        self.upstream_calls = self.served = 0
        self.last_pulled_at: int | None = None


class Standing:
    """Folds the ledger from where it last stopped; the files say the rest."""

    def __init__(
        self,
        settings: PullSettings,
        records: Records,
        frames: Frames,
        recorder: Recorder,
        ledger: Ledger,
        machines: Machines | None = None,
    ) -> None:
        self._settings, self._records, self._frames, self._machines = settings, records, frames, machines
        self._recorder, self._ledger = recorder, ledger
        self._lock = threading.Lock()
        self._counts: dict[str, _Counts] = defaultdict(_Counts)
        self._pos = 0

    def all(self) -> list[PullStatus]:
        """Return every declared pull, then the ad hoc ones together, if there are any."""
        self._recorder.flush()
        with self._lock:
            self._catch_up()
            records: dict[str, list[Record]] = defaultdict(list)
            for record in self._records.all():
                records[record.pull].append(record)
            names = [*self._settings.pulls]
            if AD_HOC in records or AD_HOC in self._counts or self._settings.cache.ad_hoc:
                names.append(AD_HOC)
            return [self._one(name, records[name]) for name in names]

    def _one(self, name: str, records: list[Record]) -> PullStatus:
        counts = self._counts[name]
        held = [r for r in records if r.path and r.receipt]
        return PullStatus(
            pull=name,
            keys=len(held),
            size_bytes=sum(r.receipt.size_bytes for r in held if r.receipt),
            upstream_calls=counts.upstream_calls,
            served=counts.served,
            last_pulled_at=counts.last_pulled_at,
            problem="; ".join(filter(None, (_trouble(records), self._too_large(held), self._common()))),
        )

    def _too_large(self, held: list[Record]) -> str:
        """Return what is not shared for its size."""
        if self._machines is None:
            return ""
        settings = self._machines.settings
        count = sum(1 for r in held if r.receipt and r.receipt.size_bytes > settings.largest_bytes)
        if not count:
            return ""
        return f"{count:,} of its pieces are larger than {settings.largest} (largest): each machine pulls them itself"

    def _common(self) -> str:
        """Return what concerns every pull."""
        waiting = self._recorder.waiting
        said = [f"{waiting:,} events wait for the ledger"] if waiting else []
        if self._frames.problem:
            said.append(f"data lies on disk: {self._frames.problem}")
        if self._machines is not None and self._machines.is_away:
            said.append(f"the commons at {self._machines.commons.place} do not answer")
        return "; ".join(said)

    def _catch_up(self) -> None:
        for event in self._ledger.read(after=self._pos, types=_TYPES):
            data: dict[str, Any] = msgspec.json.decode(event.data)
            _FOLD[event.type](self._counts[data["pull"]], data)
            self._pos = event.pos


def _pulled(counts: _Counts, data: dict[str, Any]) -> None:
    counts.upstream_calls += data["upstream_calls"]
    counts.last_pulled_at = data["at"]


def _fetched(counts: _Counts, data: dict[str, Any]) -> None:
    counts.last_pulled_at = data["at"] - int(data["age_s"] * 1e9)


def _asked(counts: _Counts, data: dict[str, Any]) -> None:
    counts.upstream_calls += data.get("upstream_calls", 1)


def _served(counts: _Counts, data: dict[str, Any]) -> None:
    counts.served += data.get("count", 1)


_FOLD: Final[dict[str, Callable[[_Counts, dict[str, Any]], None]]] = {
    DATA_PULLED: _pulled,
    DATA_FETCHED: _fetched,
    DATA_REFUSED: _asked,
    DATA_SERVED: _served,
    PULL_FAILED: _asked,
}


def _trouble(records: list[Record]) -> str:
    """Return the latest trouble of these keys."""
    found = [r.trouble for r in records if r.trouble]
    if not found:
        return ""
    worst = max(found, key=lambda t: t.retry_at)
    times = f", {worst.failures} times in a row" if worst.failures > 1 else ""
    return f"{worst.problem}{times}"
