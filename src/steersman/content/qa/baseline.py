"""The baseline of a workspace: read, compared with what a pass found, and renewed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from steersman.content.files import put
from steersman.content.model.baseline import NAME, REASON, Baseline, decode, encode, entry
from steersman.content.qa.checker import Report
from steersman.kernel.errors import Misconfigured


def path_of(root: Path, folder: str) -> Path:
    """Return where the baseline of a workspace lies: beside its drafts, to be committed with them."""
    return root / folder / NAME


def read_baseline(path: Path) -> Baseline:
    """Return the baseline at `path`; an empty one if there is no file.

    Raises:
        Misconfigured: it is not what `content check --write-baseline` writes.
    """
    try:
        return decode(path.read_bytes())
    except FileNotFoundError:
        return Baseline()
    except OSError as exc:
        raise Misconfigured(f"{path.name} cannot be read: {exc.strerror}", fix="check its permissions") from exc


def gone(baseline: Baseline, reports: Iterable[Report]) -> dict[str, tuple[str, ...]]:
    """Return, by draft that was checked, what the baseline lists and the pass no longer found."""
    left = {}
    for report in reports:
        if report.outcome == "refused":
            continue
        there = {entry(one) for one in report.findings}
        missing = tuple(e for e in baseline.findings.get(report.draft, ()) if e not in there)
        if missing:
            left[report.draft] = missing
    return left


def renewed(baseline: Baseline, reports: Sequence[Report], existing: Iterable[str]) -> Baseline:
    """Return the baseline after these passes: what is open or was listed stays in it, what is gone is pruned.

    Drafts that were not checked keep their entries, unless they are not among `existing` any more.
    """
    names = set(existing)
    entries: dict[str, tuple[str, ...]] = {name: e for name, e in baseline.findings.items() if name in names}
    for report in reports:
        if report.outcome != "refused":
            entries[report.draft] = tuple(
                sorted({entry(one) for one in report.findings if one.status == "open" or one.reason == REASON})
            )
    return Baseline(findings={name: entries[name] for name in sorted(entries) if entries[name]})


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Put `baseline` at `path`, whole or not at all.

    Raises:
        Misconfigured: it cannot be written.
    """
    try:
        put(path.resolve(), encode(baseline))  # a link stays one
    except OSError as exc:
        raise Misconfigured(f"{path.name} cannot be written: {exc.strerror}", fix="check its permissions") from exc
