"""What is told: one thing that an event says to a person, and the message that carries it."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Severity = Literal["info", "warn", "critical"]
Kind = Literal["raised", "again", "over", "passed", "digest", "test"]
RANK: Final[dict[str, int]] = {"info": 0, "warn": 1, "critical": 2}


class Repeated(msgspec.Struct, frozen=True, kw_only=True):
    """Worth a word only if it happens `times` times within `within_s` seconds."""

    times: int
    within_s: float


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that an event says to a person; or, with `ends`, that what was told under the same key is over.

    Attributes:
        rule, subject: together the key of what it is about: `run_failed` and `prices`.
        first: what is the matter, in one line; empty for an end of which nobody needs to hear.
        why, do, page: the reason, the command that helps, the path of the console's page; each may be empty.
        at, pos: when it happened (ns) and where in the ledger it stands; 0 for what no event said.
        can_end: whether something will say that it is over.
        repeated: how often it must happen before it is told.
        hushed_by: keys that make it no news while they are told and not over.
    """

    rule: str
    subject: str
    severity: Severity
    first: str
    why: str = ""
    do: str = ""
    page: str = ""
    at: int
    pos: int = 0
    ends: bool = False
    can_end: bool = False
    repeated: Repeated | None = None
    hushed_by: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.rule}/{self.subject}"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent to one target: once if all goes well, again under the same `id` where nobody knows.

    Attributes:
        keys: what it is about.
        lines: the things it stands for, where it stands for several.
        covers: how many tellings it stands for.
        at: when (ns) the first of them happened; `made_at`: when the message was made, which giving up counts from.
        through: the last position in the ledger that it speaks of.
        held: quiet hours kept it back.
        attempts, retry_at: how often it was tried, and when (ns) it may be tried again.
    """

    id: str
    kind: Kind
    severity: Severity
    keys: tuple[str, ...]
    first: str
    why: str = ""
    do: str = ""
    link: str = ""
    lines: tuple[str, ...] = ()
    covers: int = 1
    at: int
    made_at: int
    through: int = 0
    held: bool = False
    attempts: int = 0
    retry_at: int = 0

    @property
    def is_critical(self) -> bool:
        return self.severity == "critical"


def text(message: Message) -> str:
    """Return what stands below the first line: why, what to do, where to look."""
    parts = [message.why, *(f"- {line}" for line in message.lines)]
    if message.do:
        parts.append(f"do: {message.do}")
    if message.link:
        parts.append(message.link)
    return "\n".join(part for part in parts if part)
