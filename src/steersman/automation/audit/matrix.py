"""Who asks for what: the things that scripts share, and which script asks for each; what a picture is drawn from."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import msgspec

from steersman.automation.audit.model import Code, Finding, Report

_SHARED: Final[tuple[Code, ...]] = ("LOGIN_REPEATED", "PULL_REPEATED", "CHECK_REPEATED")


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One script asking for one thing: where, how often a day (None if nobody knows), whether an edit is ready."""

    line: int
    calls_per_day: float | None
    has_edit: bool


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that several scripts ask for; `cells` by file, `saved_per_day` what sharing it would save."""

    code: Code
    what: str
    cells: dict[str, Cell]
    saved_per_day: float | None


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """Rows by code, then by what sharing saves; `files` that ask for most come first."""

    rows: tuple[Row, ...]
    files: tuple[str, ...]


def matrix(report: Report) -> Matrix:
    """Return who asks for what, of everything that is asked for in several scripts."""
    groups: dict[tuple[Code, str], list[Finding]] = defaultdict(list)
    for finding in report.findings:
        if finding.code in _SHARED:
            groups[finding.code, finding.group].append(finding)
    rows = [_row(code, found) for (code, _), found in groups.items()]
    rows.sort(key=lambda r: (_SHARED.index(r.code), -(r.saved_per_day or 0), -len(r.cells), r.what))
    asked: dict[str, int] = defaultdict(int)
    for row in rows:
        for file in row.cells:
            asked[file] += 1
    return Matrix(rows=tuple(rows), files=tuple(sorted(asked, key=lambda f: (-asked[f], f))))


def _row(code: Code, found: list[Finding]) -> Row:
    cells = {
        f.place.file: Cell(
            line=f.place.line,
            calls_per_day=f.cost.calls_per_day if f.cost is not None else None,
            has_edit=bool(f.diff),
        )
        for f in found
    }
    known = [c.calls_per_day for c in cells.values() if c.calls_per_day is not None]
    what = found[0].what.partition(": ")[2].removeprefix("the login at ").removeprefix("the check ")
    return Row(code=code, what=what, cells=cells, saved_per_day=sum(known) - max(known) if known else None)
