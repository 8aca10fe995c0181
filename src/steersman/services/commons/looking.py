"""How the commons are, for people: which, whether they answer, what lies there, what to change."""

from __future__ import annotations

import threading
from typing import Final

import msgspec

from steersman.kernel.clock import Clock
from steersman.kernel.errors import SteersmanError
from steersman.services.commons.ports import Commons, CommonsStanding
from steersman.services.commons.settings import SharedSettings

_OLD_NS: Final = 15 * 1_000_000_000


class CommonsReport(msgspec.Struct, frozen=True, kw_only=True):
    """The commons at a glance; nothing of it is secret.

    Attributes:
        machine: how this one is called there. `without`: what pulls do while nobody answers.
        standing: None while nobody answers; then `problem` and `fix` say why.
        keeps_logins: whether what is written there survives a crash, so that logins are kept there; None: unknown.
    """

    kind: str
    place: str
    namespace: str
    machine: str
    without: str
    standing: CommonsStanding | None = None
    keeps_logins: bool | None = None
    problem: str = ""
    fix: str = ""


def look(commons: Commons, settings: SharedSettings) -> CommonsReport:
    """Ask the commons how they are; takes some seconds when they do not answer. Never raises for what it finds."""
    report = CommonsReport(
        kind=commons.kind,
        place=commons.place,
        namespace=settings.namespace,
        machine=settings.machine_name,
        without=settings.without,
    )
    try:
        standing = commons.standing()
        return msgspec.structs.replace(report, standing=standing, keeps_logins=commons.is_durable)
    except SteersmanError as exc:
        return msgspec.structs.replace(report, problem=exc.message, fix=exc.fix)


def in_words(report: CommonsReport) -> str:
    """Return the report as one line."""
    where = f"namespace {report.namespace}, this machine is {report.machine}"
    if (found := report.standing) is None:
        return f"{report.problem} ({where})"
    least = "at least " if found.is_partial else ""
    held = f"{found.records:,} record{'' if found.records == 1 else 's'}, {found.size_bytes / 1e6:,.1f} MB"
    locks = f"{found.locks:,} lock{'' if found.locks == 1 else 's'} held"
    return f"{found.server} at {report.place}: {least}{held}, {locks} ({where})"


class Watch:
    """The report of a moment ago, for pages that must not wait for a server: looked at behind, when it is old."""

    def __init__(self, commons: Commons, settings: SharedSettings, clock: Clock) -> None:
        self._commons, self._settings, self._clock = commons, settings, clock
        self._lock = threading.Lock()
        self._report: CommonsReport | None = None
        self._asked_at: int | None = None
        self._thread: threading.Thread | None = None

    def latest(self) -> CommonsReport | None:
        """Return the latest report; None until the first look is over."""
        now = self._clock.elapsed_ns()
        with self._lock:
            is_old = self._asked_at is None or now - self._asked_at > _OLD_NS
            if is_old and (self._thread is None or not self._thread.is_alive()):
                self._asked_at = now
                self._thread = threading.Thread(target=self._look, name="commons-watch", daemon=True)
                self._thread.start()
            return self._report

    def settle(self) -> CommonsReport | None:
        """Wait for the look that is under way, and return what it found."""
        self.latest()
        if (thread := self._thread) is not None:
            thread.join()
        return self._report

    def _look(self) -> None:
        found = look(self._commons, self._settings)
        with self._lock:
            self._report = found
