"""One thing that runs today, read: what `[automation.NAME]` could say of it, and what it cannot."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import msgspec

from steersman.automation.adopt.removal import Removal
from steersman.automation.adopt.secrets import Secret
from steersman.automation.adopt.touched import Touch
from steersman.automation.model.manifest import Backoff, Overlap

Kind = Literal["crontab", "systemd", "folder"]
Catchup = Literal["latest", "none", "all"]


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal before it has a name and knows the others.

    Attributes:
        where: its place, `file:line`.
        mark: eight letters that name it again on the next reading; of what it does, not of where it stands.
        original: the command as it stands, without secrets.
        when: its times as they stand, for a person.
        label: what to call it after.
        cwd: the folder it works in; empty: the workspace.
        timeout_s: seconds; None: it has no limit today.
        notes: what reads differently here, for a person.
        holds: why it stays `enabled = false` until somebody has looked, even where the others are enabled.
        left: why it is only written as a comment; empty when it is an automation.
        removal: how it is stopped where it runs today; None when nothing starts it there.
    """

    kind: Kind
    where: str
    mark: str
    original: str
    when: str
    label: str
    run: str
    cwd: str = ""
    schedule: str | None = None
    tz: str | None = None
    jitter_s: float = 0.0
    on: tuple[str, ...] = ()
    env: dict[str, str] = {}
    timeout_s: float | None = None
    retries: int = 0
    backoff: Backoff | None = None
    backoff_s: float | None = None
    overlap: Overlap | None = None
    catchup: Catchup | None = None
    notes: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    left: str = ""
    removal: Removal | None = None
    script: Path | None = None
    touches: tuple[Touch, ...] = ()


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A line that became no automation, or one to look at; `why` says what is allowed."""

    where: str
    why: str


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a source holds: candidates in its order, lines that are none, secrets by place and variable."""

    candidates: tuple[Candidate, ...] = ()
    problems: tuple[Problem, ...] = ()
    secrets: tuple[Secret, ...] = ()
    general: tuple[str, ...] = ()


def mark_of(*parts: str) -> str:
    """Return the mark of what `parts` (without secrets) describe."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]
