"""What every kind of login has in common: its settings, what it gives, how it fails. A kind is a file in providers/."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar, Final, Protocol

import msgspec

from steersman.kernel import references
from steersman.kernel.clock import Clock
from steersman.kernel.durations import seconds
from steersman.kernel.errors import Misconfigured, Rejected, Unavailable

Problem = tuple[str, str, str]
"""Field, what was found and what is allowed, the fix."""
_LONGEST_LEASE_S: Final = 3600.0
_LONGEST_TIMEOUT_S: Final = 120.0


class ProviderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table `[provider.NAME]`; each kind adds fields of its own.

    Attributes:
        lease: span after which whoever leased asks again, at most.
        timeout: span within which the provider must have answered whole.
        shared: whether the login is one for all machines that `[shared]` connects; False: this machine has its own.
    """

    SECRETS: ClassVar[tuple[str, ...]] = ()
    """Fields that hold references to secrets (or tables of them), never secrets."""

    kind: str
    lease: str = "60s"
    timeout: str = "10s"
    shared: bool = True

    @property
    def lease_s(self) -> float:
        return seconds(self.lease)

    @property
    def timeout_s(self) -> float:
        return seconds(self.timeout)

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong with the values; no message quotes what may be a secret."""
        yield from bad_span("lease", self.lease, least_s=1.0, most_s=_LONGEST_LEASE_S)
        yield from bad_span("timeout", self.timeout, least_s=0.1, most_s=_LONGEST_TIMEOUT_S)
        for field in self.SECRETS:
            value = getattr(self, field)
            members = {f"{field}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {field: value}
            for name, text in members.items():
                wrong = references.problem(text) if text else ""
                if wrong:
                    yield name, wrong, references.FIX


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider gave, sealed on disk.

    Attributes:
        token_id: names it in events; a keyed hash, so nothing can be learned from it.
        life_s: seconds it lives, counted from `obtained_at`.
        obtained_at, obtained_elapsed_ns, boot: when the provider was asked, on the wall clock (ns since 1970 UTC) and
            on the clock that never jumps, which counts within one boot only.
    """

    token_id: str
    secret: str
    fields: dict[str, str] = {}
    life_s: float
    obtained_at: int
    obtained_elapsed_ns: int
    boot: str

    def __repr__(self) -> str:
        return f"Token(token_id={self.token_id!r})"


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """Everything stored about one login, sealed wherever it lies.

    Attributes:
        pasted: what a person typed in, by field; `refresh_token` is what the provider gave last.
        seed_id: names the value of a reference that `refresh_token` grew from: another value there starts anew.
        pending_since: ns since 1970 UTC; a refresh was sent then, and its answer never stored.
    """

    token: Token | None = None
    refresh_token: str = ""
    seed_id: str = ""
    pasted: dict[str, str] = {}
    scopes: str = ""
    pending_since: int | None = None
    logged_in_at: int | None = None

    def __repr__(self) -> str:
        return f"Login(token={self.token!r}, logged_in_at={self.logged_in_at})"


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider just gave.

    Attributes:
        life_s: seconds from the moment the provider was asked.
        refresh_token: a new one; None: the one that was `used`, if any, stays. `seed_id` names the value of a reference
            that it grew from.
        skew_s: seconds by which the provider's clock is ahead of ours; None: it did not say.
        note: what was odd about the answer, in words.
    """

    secret: str
    fields: dict[str, str] = {}
    life_s: float
    refresh_token: str | None = None
    used: str = ""
    seed_id: str = ""
    scopes: str = ""
    skew_s: float | None = None
    note: str = ""

    def __repr__(self) -> str:
        return f"Fetched(life_s={self.life_s}, note={self.note!r})"


class Refused(Rejected):
    """The provider will not give a token, however often it is asked. `error` is its code, such as invalid_grant."""

    def __init__(self, message: str, *, error: str, fix: str = "", status: int | None = None) -> None:
        super().__init__(message, fix=fix)
        self.error = error
        self.status = status


class NoAnswer(Unavailable):
    """The provider did not answer, or said something that is no answer. `spent`: what was sent may be used up."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        spent: bool = False,
        fix: str = "it is asked again by itself; see the provider's status page if it stays",
    ) -> None:
        super().__init__(message, fix=fix)
        self.status = status
        self.retry_after_s = retry_after_s
        self.spent = spent


class Provider(Protocol):
    """Where one login comes from. Called by one process at a time for each name.

    Attributes:
        static: asking costs nothing (a key in a file), so nothing is stored and every lease looks.
        header, scheme: how its secret travels.
    """

    static: bool
    header: str
    scheme: str

    def spends(self, login: Login) -> bool:
        """Say whether `fetch` may use up what `login` holds."""
        ...

    def inputs(self, login: Login) -> tuple[str, ...]:
        """Return every value a fetch depends on; a refusal holds until one of them changes.

        Raises:
            Misconfigured: what the settings refer to is not there.
        """
        ...

    def fetch(self, login: Login) -> Fetched:
        """Ask for a token.

        Raises:
            Refused: no, and asking again is no use.
            NoAnswer: not now.
            Misconfigured: what the settings refer to is not there.
        """
        ...

    def pasted(self, secret: str) -> Login:
        """Return the login that a typed-in secret makes.

        Raises:
            Misconfigured: nothing is typed in for this kind, or as it is declared.
        """
        ...

    def revoke(self, login: Login) -> bool:
        """Tell the provider that the login is over; whether it was told and agreed.

        Raises:
            NoAnswer: it did not answer.
        """
        ...


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider is made with: its name, the workspace's folder and the time."""

    name: str
    root: Path
    clock: Clock


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of login: what may be declared and what it makes.

    Attributes:
        flows: ways a person logs in (browser, device, paste), the usual one first; empty: nobody needs to.
        seed: the field with a reference that makes a person's login unnecessary.
    """

    settings: type[ProviderSettings]
    make: Callable[[Surroundings, ProviderSettings], Provider]
    flows: tuple[str, ...] = ()
    seed: str = ""


def nothing_to_paste(name: str, *, fix: str) -> Misconfigured:
    """Return the refusal of a pasted secret by a login that takes none."""
    return Misconfigured(f"{name} takes no secret from a person", fix=fix)


def bad_span(field: str, text: str, *, least_s: float, most_s: float) -> Iterator[Problem]:
    """Yield what is wrong with a span that must lie between two bounds (seconds)."""
    try:
        found = seconds(text)
    except ValueError as exc:
        yield field, str(exc), f'write e.g. {field} = "30s"'
        return
    if not least_s <= found <= most_s:
        yield field, f"found {text}, allowed: {least_s:g} s to {most_s:g} s", f'write e.g. {field} = "30s"'
