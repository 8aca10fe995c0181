"""What machines tell each other of a login: sealed, timed by the clock of the commons. Pure functions.

Machines' clocks may differ by minutes, and the clock that never jumps counts within one boot of one machine only. Each
machine knows how far its own clock is from that of the commons, and that is enough.
"""

from __future__ import annotations

import msgspec

from steersman.services.credentials.freshness import age_s
from steersman.services.credentials.instant import Instant
from steersman.services.credentials.provider import Login, Token
from steersman.services.credentials.store import Health

FORM = 1


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One login as it lies in the commons; whoever holds the login's lock there writes it whole.

    Attributes:
        id: another one with each writing.
        machine, machine_id: who wrote it, for people and for machines.
        at: ns since 1970 UTC on the commons' clock.
        pending: a refresh token was sent, and what came of it is not here yet.
        sealed: the login, its token timed by the commons' clock; empty: logged out.
        health: holds nothing secret; its instants are the commons' too, but `broken.since`, which is a name.
    """

    form: int = FORM
    id: str
    machine: str
    machine_id: str
    at: int
    pending: bool = False
    sealed: bytes = b""
    health: Health = Health()


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """Kept beside a machine's copy: the `Record.id` that it is a copy of."""

    id: str


class Unsent(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider gave and the commons did not take: it goes there before anything else is asked.

    Attributes:
        base: id of the record that it follows; another one there means that somebody went on without it.
        id: of the record that may have been written all the same.
        sealed: the login, timed by this machine's clocks.
    """

    base: str
    id: str
    sealed: bytes


def outward(login: Login, now: Instant, theirs: int) -> Login:
    """Return `login` with its token timed by the commons' clock, which says `theirs` now."""
    token = login.token
    if token is None:
        return login
    age = age_s(token, now_ns=now.now_ns, elapsed_ns=now.elapsed_ns, boot=now.boot)
    # An age that nobody knows is that of a token that is over.
    age = min(age, token.life_s)
    return _timed(login, token, obtained_at=theirs - int(age * 1e9), elapsed_ns=0, boot="")


def inward(login: Login, now: Instant, theirs: int) -> Login:
    """Return `login` with its token timed by this machine's clocks."""
    token = login.token
    if token is None:
        return login
    # In the future if the commons' clock was set back: `age_s` takes such a token for over, on every machine.
    age_ns = theirs - token.obtained_at
    return _timed(login, token, obtained_at=now.now_ns - age_ns, elapsed_ns=now.elapsed_ns - age_ns, boot=now.boot)


def health_outward(health: Health, now: Instant, theirs: int) -> Health:
    """Return `health` with its instants on the commons' clock."""
    ahead_ns = now.now_ns - theirs
    left_ns = (
        health.retry_elapsed_ns - now.elapsed_ns
        if now.boot and health.boot == now.boot
        else health.retry_at - now.now_ns
    )
    broken = health.broken and msgspec.structs.replace(health.broken, recorded=False)
    return msgspec.structs.replace(
        health,
        broken=broken,
        retry_at=theirs + left_ns if health.failures else 0,
        retry_elapsed_ns=0,
        boot="",
        expires_at=_moved(health.expires_at, -ahead_ns),
        refreshed_at=_moved(health.refreshed_at, -ahead_ns),
    )


def health_inward(health: Health, now: Instant, theirs: int) -> Health:
    """Return `health` with its instants on this machine's clocks."""
    ahead_ns = now.now_ns - theirs
    return msgspec.structs.replace(
        health,
        retry_at=health.retry_at + ahead_ns if health.failures else 0,
        retry_elapsed_ns=now.elapsed_ns + health.retry_at - theirs if health.failures else 0,
        boot=now.boot if health.failures else "",
        expires_at=_moved(health.expires_at, ahead_ns),
        refreshed_at=_moved(health.refreshed_at, ahead_ns),
    )


def _moved(at: int | None, by: int) -> int | None:
    return None if at is None else at + by


def _timed(login: Login, token: Token, *, obtained_at: int, elapsed_ns: int, boot: str) -> Login:
    timed = msgspec.structs.replace(token, obtained_at=obtained_at, obtained_elapsed_ns=elapsed_ns, boot=boot)
    return msgspec.structs.replace(login, token=timed)
