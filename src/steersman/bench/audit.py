"""How right the audit of scripts is: precision and recall on labelled scripts, beside tools that look for the same."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from pathlib import Path
from time import process_time
from typing import Final

from steersman.automation.audit import CODES, examine
from steersman.bench import peer_venv
from steersman.bench.audit_corpus import Mark, Score, Set, desks, labels, score, write_out
from steersman.bench.row import Row, not_measured
from steersman.kernel.errors import Unavailable

_TARGET: Final = 0.9
_SETS: Final[tuple[Set, ...]] = ("dev", "held out", "blind", "blind again", "blind third")
# What each peer looks for -> the code of ours that means the same, and the suffixes of files it reads.
_PEERS: Final = {
    "detect-secrets": ("SECRET_IN_CODE", ""),
    "bandit B105-B107": ("SECRET_IN_CODE", ".py"),
    "bandit B113": ("NO_TIMEOUT", ".py"),
    "ruff S113": ("NO_TIMEOUT", ".py"),
}


def run() -> list[Row]:
    """Return precision and recall by code and set, the peers' beside them, and what it costs per script.

    Raises:
        Unavailable: the labelled scripts are not here.
    """
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="steersman-audit-") as folder:
        root = Path(folder)
        for desk in desks():
            write_out(desk, root / desk)
        found, cpu_s, scripts = _found(root)
        for name in _SETS:
            wanted, ours = labels(desks(name)), _of(found, desks(name))
            for code in CODES:
                rows += _rows(f"{code}, {name}", score(ours, wanted, code), target=_TARGET)
        hard = desks("hard")
        rows += _rows("what was written to be missed", score(_of(found, hard), labels(hard)))
        usual = [desk for name in _SETS for desk in desks(name)]
        rows += _peers(root, labels(usual), _of(found, usual), usual)
    return [
        *rows,
        Row(
            bench="audit",
            metric="CPU per script",
            value=1000 * cpu_s / scripts,
            unit="ms",
            target=None,
            met=None,
            note=f"{scripts} scripts read, compared, edits checked",
        ),
    ]


def _found(root: Path) -> tuple[set[Mark], float, int]:
    """Return every finding, the processor seconds they took and how many scripts were read."""
    found: set[Mark] = set()
    scripts, before = 0, process_time()
    for desk in desks():
        report = examine(root / desk).report
        scripts += report.summary.scripts
        found |= {(f"{desk}/{f.place.file}", f.place.line, f.code) for f in report.findings}
    return found, process_time() - before, scripts


def _of(marks: Collection[Mark], names: Collection[str]) -> set[Mark]:
    return {mark for mark in marks if mark[0].partition("/")[0] in names}


def _rows(what: str, found: Score, *, target: float | None = None, note: str = "", versus: str = "") -> list[Row]:
    counts = f"{found.right} right, {found.wrong} wrong, {found.missed} missed"
    return [
        Row(
            bench="audit",
            metric=f"{kind} of {what}",
            value=value,
            unit="",
            target=target,
            met=None if target is None or value is None else value >= target,
            compared_with=versus,
            note=f"{counts}{'; ' if note else ''}{note}",
        )
        for kind, value in (("precision", found.precision), ("recall", found.recall))
    ]


def _peers(root: Path, wanted: set[Mark], ours: set[Mark], usual: Collection[str]) -> list[Row]:
    """Return the peers' figures on the files they read, and ours on the same files."""
    try:
        answers: dict[str, list[tuple[str, int]]] = peer_venv.checkers().run("scan.py", root)
    except Unavailable as exc:
        return [not_measured("audit", "peers on the same scripts", "", None, str(exc).replace("\n ", ";"))]
    rows: list[Row] = []
    for peer, (code, suffix) in _PEERS.items():
        theirs = _of([(file, line, code) for file, line in answers[peer]], usual)
        there = {m for m in wanted if m[0].endswith(suffix)}
        note = f"all desks, {'Python files' if suffix else 'every file'}"
        rows += _rows(f"{code} by {peer}", score(theirs, there, code), note=note)
        here = score({m for m in ours if m[0].endswith(suffix)}, there, code)
        rows += _rows(f"{code} by us, same files", here, note=note, versus=peer)
    return rows
