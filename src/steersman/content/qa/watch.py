"""Drafts looked at again when they were saved; what is said is only what changed since the last look."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from steersman.content.drafts import read_draft
from steersman.content.model.draft import Draft, DraftUnreadable
from steersman.content.model.finding import Finding
from steersman.content.qa.checker import Report
from steersman.content.qa.reporting import refused, report_of
from steersman.content.settings import QaSettings
from steersman.kernel.clock import Clock

_Stat = tuple[int, int, int]
_ABSENT: Final = (0, 0, 0)


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What changed in one draft since the last look.

    Attributes:
        new: open findings that were not there.
        gone: findings that were open and are not any more.
        took_ms: reading, checking and comparing.
        is_first: nothing was known about it before.
    """

    report: Report
    new: tuple[Finding, ...]
    gone: tuple[Finding, ...]
    took_ms: float
    is_first: bool = False


class Watcher:
    """Keeps what each draft looked like; `look` costs a stat per draft as long as nobody saves.

    Records nothing: `content check` does, once the author is done.
    """

    def __init__(
        self,
        *,
        root: Path,
        settings: QaSettings,
        names: Callable[[], Iterable[str]],
        findings: Callable[[Draft], list[Finding]],
        clock: Clock,
    ) -> None:
        self._root = root
        self._settings = settings
        self._names = names
        self._findings = findings
        self._clock = clock
        self._stats: dict[str, _Stat] = {}
        self._known: dict[str, Report] = {}

    def look(self) -> list[Look]:
        """Return what changed since the last call, draft by draft; everything, at the first."""
        looks = []
        names = list(self._names())
        for name in names:
            stat = _stat(self._root / name)
            if self._stats.get(name) != stat:
                # Kept before reading: a save in between is seen at the next look.
                self._stats[name] = stat
                look = self._again(name)
                if look is not None:
                    looks.append(look)
        for name in [known for known in self._known if known not in names]:
            del self._known[name]
            self._stats.pop(name, None)
        return looks

    def _again(self, name: str) -> Look | None:
        began = self._clock.elapsed_ns()
        before = self._known.get(name)
        try:
            draft = read_draft(self._root, name, self._settings)
        except DraftUnreadable as refusal:
            report = refused(refusal)
        else:
            if before is not None and before.content_sha256 == draft.sha256:
                return None  # saved as it was
            report = report_of(draft, self._findings(draft))
        self._known[name] = report
        new, gone = _compared(before, report)
        took_ms = (self._clock.elapsed_ns() - began) / 1e6
        return Look(report=report, new=new, gone=gone, took_ms=took_ms, is_first=before is None)


def _compared(before: Report | None, after: Report) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    was = {one.fingerprint: one for one in (before.findings if before else ()) if one.status == "open"}
    now = {one.fingerprint: one for one in after.findings if one.status == "open"}
    return (
        tuple(one for name, one in now.items() if name not in was),
        tuple(one for name, one in was.items() if name not in now),
    )


def _stat(path: Path) -> _Stat:
    try:
        found = path.stat()
    except OSError:
        return _ABSENT
    return found.st_mtime_ns, found.st_size, found.st_ino
