"""A run that somebody wants to end: asked by a file beside its log, so that any process may ask whichever runs it."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import msgspec

from steersman.automation.events import RUN_CANCEL_REQUESTED, CancelRequested
from steersman.automation.runner.folders import Folders
from steersman.kernel.ids import stable_uuid
from steersman.kernel.whole_file import write_whole
from steersman.ledger import Ledger, new_event


class CancelAsked(Exception):
    """The run is to end. `by` is empty if a later start of its automation asked for that (`overlap = cancel`)."""

    def __init__(self, by: str = "", reason: str = "") -> None:
        super().__init__(by, reason)
        self.by = by
        self.reason = reason

    def __str__(self) -> str:
        if not self.by:
            return "cancelled: a later start took its place"
        return f"cancelled by {self.by}" + (f": {self.reason}" if self.reason else "")


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the file."""

    by: str
    reason: str
    at: int


def asked(file: Path) -> CancelAsked | None:
    """Return who asked for the end of a run and why, None if nobody did."""
    try:
        raw = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        wish = msgspec.json.decode(raw, type=Wish)
    except msgspec.DecodeError:
        return CancelAsked()
    return CancelAsked(wish.by, wish.reason)


def ask(folders: Folders, automation: str, run_id: str, wish: Wish) -> None:
    """Ask a run to end, whichever process runs it, or will; who asked first stands.

    On disk, so that it reaches the run also while no ledger can be had; the run's end says who asked.

    Raises:
        OSError: it cannot be written.
    """
    file = folders.cancel_file(automation, run_id)
    found = asked(file)
    if found is not None and found.by:
        return
    write_whole(file, msgspec.json.encode(wish))


def record(ledger: Ledger, automation: str, run_id: str, wish: Wish, *, correlation: UUID | None = None) -> None:
    """Record that a run was asked to end; a second time changes nothing. `correlation` is that of its cycle.

    Raises:
        Unavailable: the ledger does not take it.
    """
    event = new_event(
        RUN_CANCEL_REQUESTED,
        stream=f"automation/{automation}",
        data=CancelRequested(run_id=run_id, automation=automation, reason=wish.reason, at=wish.at),
        actor=wish.by,
        now_ns=wish.at,
        id=stable_uuid("automation.cancel", run_id),
        correlation_id=correlation,
    )
    if ledger.get(event.id) is None:
        ledger.append([event])
