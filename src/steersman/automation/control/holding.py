"""Starts that a pause held back: the first of them is recorded, the others are counted, one event for each hour."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from steersman.automation.events import RunSkipped
from steersman.automation.runner.lock import NamedLocks

_HOUR_NS = 3_600_000_000_000


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What was held back and is not recorded yet: `count` starts between `first` and `last` (ns), all within an hour.

    `sealed`: an event of just this is being recorded.
    """

    pause: str
    hour: int
    reason: str
    count: int = 0
    first: int = 0
    last: int = 0
    sealed: bool = False


class HeldBack:
    """The tallies of one workspace, a small file for each automation; shared by all processes."""

    def __init__(self, folder: Path, record: Callable[[RunSkipped, str], None], wait: Callable[[], object]) -> None:
        """Keep them in `folder`.

        Args:
            record: makes one event of it durable; its second argument is what the event is a function of.
            wait: called while another process has a tally in hand.
        """
        self._folder = folder
        self._record = record
        self._wait = wait
        self._locks = NamedLocks(folder / ".held.lock")

    def hold(self, automation: str, *, pause: str, reason: str, now: int, first: Callable[[], object]) -> None:
        """Take note of a start that does not happen because of the pause with the id `pause`.

        Args:
            first: records this start by itself; called if it is the first of its pause.

        Raises:
            Unavailable: an event was due and the ledger does not take it; nothing is lost.
        """
        with self._locks.held(automation, self._wait):
            tally = self._read(automation)
            if tally is not None and (tally.sealed or tally.pause != pause or tally.hour != now // _HOUR_NS):
                self._tell(automation, tally)
                tally = self._kept(tally, pause, now)
            if tally is None:
                first()
                self._write(automation, Tally(pause=pause, hour=now // _HOUR_NS, reason=reason))
                return
            more = msgspec.structs.replace(tally, count=tally.count + 1, first=tally.first or now, last=now)
            self._write(automation, more)

    def settle(self, automation: str) -> None:
        """Record what was counted; the pause is over.

        Raises:
            Unavailable: the ledger does not take it; it stays counted.
        """
        if not self._path(automation).exists():
            return
        with self._locks.held(automation, self._wait):
            tally = self._read(automation)
            if tally is not None:
                self._tell(automation, tally)
                self._path(automation).unlink(missing_ok=True)

    def waiting(self) -> list[str]:
        """Return the automations of which something is counted."""
        return sorted(path.stem.removeprefix(".held-") for path in self._folder.glob(".held-*.json"))

    def _tell(self, automation: str, tally: Tally) -> None:
        if not tally.count:
            return
        # Sealed before: a crash in between must neither lose what was counted nor tell more of it a second time.
        self._write(automation, msgspec.structs.replace(tally, sealed=True))
        starts = "1 further start" if tally.count == 1 else f"{tally.count} further starts"
        event = RunSkipped(
            automation=automation,
            reason=f"{starts} held back: {tally.reason}",
            scheduled_at=None,
            at=tally.last,
            starts=tally.count,
        )
        self._record(event, f"{tally.pause}/{tally.first}/{tally.last}")

    def _kept(self, tally: Tally, pause: str, now: int) -> Tally | None:
        """Return what is counted on from here: nothing yet in this hour, or None under a new pause."""
        if tally.pause != pause:
            return None
        return Tally(pause=pause, hour=now // _HOUR_NS, reason=tally.reason)

    def _read(self, automation: str) -> Tally | None:
        try:
            return msgspec.json.decode(self._path(automation).read_bytes(), type=Tally)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def _write(self, automation: str, tally: Tally) -> None:
        path = self._path(automation)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(tally))
        fresh.replace(path)

    def _path(self, automation: str) -> Path:
        return self._folder / f".held-{automation}.json"
