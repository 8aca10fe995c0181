"""How often scripts run, and how much upstream sends: from recorded events, or not at all."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from steersman.automation.model.manifest import Manifest
from steersman.ledger.projections import Database

_DAY_NS: Final = 86_400_000_000_000
LOOKS_BACK_DAYS: Final = 30
_RUNS: Final = """SELECT command, count(*), min(started_at) FROM automation_attempt
                  WHERE started_at >= ? AND started_at <= ? GROUP BY command"""


class Runs(msgspec.Struct, frozen=True, kw_only=True):
    """What is recorded of one script: attempts per day, over `days`; `retries` and automations that declare it."""

    per_day: float | None = None
    days: float = 0.0
    retries: int = 0
    automations: tuple[str, ...] = ()


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Runs by file (relative to the audited folder) and mean bytes from upstream by address; empty without a desk.

    `prefix` leads from the workspace to the audited folder: `automations/`; the whole path of one that lies elsewhere.
    """

    runs: dict[str, Runs] = {}
    upstream_bytes: dict[str, float] = {}
    prefix: str = ""


def recorded(
    db: Database, manifest: Manifest, root: Path, folder: Path, *, now_ns: int, upstream: Mapping[str, float]
) -> History:
    """Return the history of the scripts below `folder`.

    Args:
        root: the workspace, which commands are relative to.
        upstream: mean bytes per call by the address of recorded pulls.
    """
    since = now_ns - LOOKS_BACK_DAYS * _DAY_NS
    rows = [(str(c), int(n), int(t)) for c, n, t in db.execute(_RUNS, (since, now_ns))]
    # A day at least: an hour of runs says nothing about the rest of the day.
    days = max(1.0, (now_ns - min((t for _, _, t in rows), default=now_ns)) / _DAY_NS)
    counts: dict[str, int] = {}
    for command, number, _ in rows:
        for file in _files(command, root, folder):
            counts[file] = counts.get(file, 0) + number
    declared: dict[str, list[str]] = {}
    for automation in manifest:
        for file in _files(automation.run, root, folder):
            declared.setdefault(file, []).append(automation.name)
    runs = {
        file: Runs(
            per_day=counts[file] / days if file in counts else None,
            days=days,
            retries=min((manifest[name].retries for name in declared.get(file, [])), default=0),
            automations=tuple(declared.get(file, [])),
        )
        for file in {*counts, *declared}
    }
    here, top = folder.resolve(), root.resolve()
    prefix = "" if here == top else f"{(here.relative_to(top) if here.is_relative_to(top) else here).as_posix()}/"
    return History(runs=runs, upstream_bytes=dict(upstream), prefix=prefix)


def mean_bytes(pulled: Iterable[tuple[str, int, int]]) -> dict[str, float]:
    """Return mean bytes per upstream call by address, from (source, bytes, calls) of each recorded pull."""
    totals: dict[str, tuple[int, int]] = {}
    for source, size, calls in pulled:
        before = totals.get(source, (0, 0))
        totals[source] = (before[0] + size, before[1] + calls)
    return {source: size / calls for source, (size, calls) in totals.items() if calls}


def _files(command: str, root: Path, folder: Path) -> list[str]:
    """Return the scripts below `folder` that a command line names, also one handed to a shell (`sh -c '...'`)."""
    found: dict[str, None] = {}
    words, base = _words(command), root
    while words:
        word = words.pop(0)
        if word in ("-C", "cd") and words:  # `env -C DIR`, as adopted crontab lines have it
            base = base / words.pop(0)
            continue
        path = (base / word.rstrip(";")).resolve()
        if path.is_relative_to(folder.resolve()) and path.is_file():
            found[path.relative_to(folder.resolve()).as_posix()] = None
        elif any(c.isspace() for c in word):
            words = [*_words(word), *words]
    return list(found)


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return []
