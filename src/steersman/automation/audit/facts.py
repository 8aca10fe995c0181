"""What one script does, whatever it is written in. A fact knows how to edit itself away once a name is chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from steersman.automation.audit.model import Place
from steersman.automation.audit.source import Source

Language = Literal["python", "shell", "env"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Replace bytes `start` to `end` of the script by `new`."""

    start: int
    end: int
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Edits that belong together, or the reason why there are none.

    `client` names what must be imported from steersman.client; a whole `next_step` stands alone without an edit.
    `parts` are changes that may also be made one without the other.
    """

    edits: tuple[Edit, ...] = ()
    client: tuple[str, ...] = ()
    why_not: str = ""
    next_step: str = ""
    parts: tuple[Change, ...] = ()


Renamed = Callable[[str, tuple[str, ...]], Change]
"""Makes the change once the provider or pull has its name, and its parameters theirs (in the order of `holes`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that waits for somebody: the network or another process.

    Attributes:
        limited: whether anything ends the wait; `limit` is the edit that adds it.
        reads: an HTTP read, which may be tried again without harm; `retried` says whether something does.
    """

    place: Place
    what: str
    limited: bool
    limit: Change
    reads: bool = False
    retried: bool = False
    retry: Change = field(default_factory=Change)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Something that several scripts may do alike: a login, a pull or a state check.

    Attributes:
        key: equal for equal things; `shown` is what a person reads.
        keys: of a loop over a list that is written out, the key of each thing that it asks for.
        url: address with `{hole}` for what varies, empty when it is no HTTP request.
        stem: what a name for it is made from.
        looped: stands in a loop, so one run does it more than once.
        holes: parameters the declared pull takes.
        with_login: the request carries headers, a login or a key of its own, which the pull must send instead.
        reached: the files whose runs get here; None for whoever runs the file it stands in.
        client_id, secret_variable: of a login, where the script says them: the id, the variable with the secret.
        overridden: environment variables that may say another address than `url`.
    """

    place: Place
    key: str
    shown: str
    stem: str
    change: Renamed
    keys: tuple[str, ...] = ()
    reached: frozenset[str] | None = None
    url: str = ""
    looped: bool = False
    holes: tuple[str, ...] = ()
    kind: str = ""
    with_login: bool = False
    client_id: str = ""
    secret_variable: str = ""
    overridden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A loop that sleeps until something has happened, or for ever."""

    place: Place
    what: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A secret in plain sight. `value` stays in memory: no representation of this shows it."""

    place: Place
    kind: str
    value: str = field(repr=False)
    stem: str
    change: Renamed


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Everything found in one file. `uses` are files beside it that it imports; `sends` is where it writes (POST)."""

    file: str
    language: Language
    source: Source
    calls: tuple[Call, ...] = ()
    pulls: tuple[Shared, ...] = ()
    logins: tuple[Shared, ...] = ()
    checks: tuple[Shared, ...] = ()
    waits: tuple[Wait, ...] = ()
    secrets: tuple[Secret, ...] = ()
    uses: tuple[str, ...] = ()
    sends: tuple[Place, ...] = ()
