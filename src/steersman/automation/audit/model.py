"""What the audit says: findings with a stable code, a place, a cost that was measured or is unknown, and the edit."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Code = Literal[
    "LOGIN_REPEATED", "PULL_REPEATED", "CHECK_REPEATED", "SECRET_IN_CODE", "NO_TIMEOUT", "NO_RETRY", "POLLING"
]
Severity = Literal["high", "medium", "low"]
CODES: Final[tuple[Code, ...]] = (
    "SECRET_IN_CODE",
    "LOGIN_REPEATED",
    "PULL_REPEATED",
    "CHECK_REPEATED",
    "NO_TIMEOUT",
    "NO_RETRY",
    "POLLING",
)
SEVERITY: Final[dict[Code, Severity]] = {
    "SECRET_IN_CODE": "high",
    "LOGIN_REPEATED": "medium",
    "PULL_REPEATED": "medium",
    "CHECK_REPEATED": "low",
    "NO_TIMEOUT": "high",
    "NO_RETRY": "low",
    "POLLING": "medium",
}


class Place(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Where something stands: `file` relative to the audited folder, `line` and `column` from 1 (column in bytes)."""

    file: str
    line: int
    column: int


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a finding costs per day, from recorded runs; a figure nobody measured is None.

    Attributes:
        runs_per_day: attempts of the automations that run this script, over the days looked at.
        calls_per_day: runs per day times the calls a run makes here; with `at_least`, the call stands in a loop.
        bytes_per_day: calls times the mean size upstream sent for this address, when a pull of it was recorded.
        wall_s_per_day: always None: runs are timed as a whole, the calls in them are not.
        days: how many days of history this rests on.
    """

    runs_per_day: float
    calls_per_day: float
    at_least: bool
    bytes_per_day: float | None
    wall_s_per_day: float | None
    days: float


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to mend.

    Attributes:
        group: findings with the same code and group are about the same login, address or check.
        evidence: the other places that belong to it.
        cost: None where there is no history of this script.
        diff: unified diff of this edit alone, secrets in it replaced by their length and hash; empty without one.
        why_no_edit: why there is no safe edit; empty when there is one, or when a declaration is all it takes.
        next_step: what to do, in words.
        declare: lines for steersman.toml; empty when nothing must be declared.
    """

    code: Code
    severity: Severity
    place: Place
    what: str
    group: str
    evidence: tuple[Place, ...]
    cost: Cost | None
    diff: str
    why_no_edit: str
    next_step: str
    declare: str


class NotRead(msgspec.Struct, frozen=True, kw_only=True):
    """A script nothing can be said about, and why; `line` where reading stopped, None for the whole file."""

    file: str
    line: int | None
    reason: str


class Savings(msgspec.Struct, frozen=True, kw_only=True):
    """What sharing would leave out; None where no history says how often.

    An estimate: of each login, address or check only the script that asks most often today would still ask.
    """

    logins_per_day: float | None
    calls_per_day: float | None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The audit in figures. `without_history`: scripts with findings that no recorded run belongs to."""

    scripts: int
    findings: dict[str, int]
    not_read: int
    with_edit: int
    without_history: int
    savings: Savings


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Findings by code's weight, then cost, then place; what could not be read; the figures."""

    findings: tuple[Finding, ...]
    not_read: tuple[NotRead, ...]
    summary: Summary
