"""Logins on loan: asked for once, used until they are nearly over."""

from __future__ import annotations

import os
import time
from _thread import LockType, allocate_lock

from steersman.client.asking import request
from steersman.client.problem import Problem

TYPE_CHECKING = False  # checkers take it for true; typing itself would cost half of this import
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any, NoReturn


TIMEOUT_S = 60.0
_MARGIN_S = 5.0
_MARGIN_RATIO = 0.2
_SHORTEST_SECRET = 8


class Lease:
    """The right to use a login for a while.

    Attributes:
        secret: the access token or key. Never print it; `repr` and `str` of a lease do not.
        fields: further parts of logins that have several, such as AWS-style keys, by the provider's own names.
    """

    __slots__ = ("_header", "_scheme", "_until", "expires_at_ns", "fields", "lease_id", "provider", "secret")

    def __init__(self, value: dict[str, Any], asked: float) -> None:
        """Take over an answer; `asked` is when it was asked for, on the clock of `_now`."""
        self.lease_id: str = value["lease_id"]
        self.provider: str = value["provider"]
        self.secret: str = value["secret"]
        self.fields: dict[str, str] = value["fields"]
        self.expires_at_ns: int = value["expires_at"]
        self._header: str = value["header"]
        self._scheme: str = value["scheme"]
        self._until = asked + float(value["left_s"])

    def __repr__(self) -> str:
        return f"<Lease of {self.provider}, {self.seconds_left:.0f} s left>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a lease is not written down: ask for the token again where it is needed")

    @property
    def headers(self) -> dict[str, str]:
        """The HTTP header that carries the login."""
        return {self._header: f"{self._scheme} {self.secret}".strip()}

    @property
    def expires_at(self) -> datetime:
        """When it is over, aware, UTC. Asking `token` again is always right, and costs nothing before that."""
        from datetime import UTC, datetime  # start-up time: most scripts never look

        return datetime.fromtimestamp(self.expires_at_ns / 1e9, UTC)

    @property
    def seconds_left(self) -> float:
        """How long it may still be used; 0 when it is over."""
        return max(0.0, self._until - _now())

    def _is_good(self, life_s: float) -> bool:
        return self.seconds_left > min(_MARGIN_S, life_s * _MARGIN_RATIO)


_held: dict[str, tuple[Lease, float]] = {}
_locks: dict[str, LockType] = {}
# A lock that another thread holds while we fork would stay locked in the child for ever.
os.register_at_fork(after_in_child=_locks.clear)


def token(provider: str, *, refused: Lease | None = None, timeout_s: float = TIMEOUT_S) -> Lease:
    """Return a lease of the login `provider`; within a process the same one until it is nearly over.

    Args:
        refused: a lease that the provider's API answered with 401: what it was made from is fetched anew, once for
            everybody.

    Raises:
        Problem: no such provider, a person must log in (`steersman auth login`), or it does not answer.
    """
    # Threads of one script ask once, too.
    with _locks.setdefault(provider, allocate_lock()):
        held = _held.get(provider)
        if held is not None and held[0]._is_good(held[1]) and not _is_refused(held[0], refused):
            return held[0]
        asked = _now()
        fields = {"provider": provider, "refused": refused.lease_id if refused is not None else ""}
        lease = Lease(request("token", fields, timeout_s=timeout_s), asked)
        _held[provider] = (lease, lease.seconds_left)
        return lease


def _is_refused(held: Lease, refused: Lease | None) -> bool:
    return refused is not None and refused.lease_id == held.lease_id


def refuse_secrets(text: str, *, what: str) -> None:
    """Raise if the JSON `text`, on its way into logs or the ledger, holds the secret of a lease of this process.

    Raises:
        Problem: it does; the message names the provider only.
    """
    if not _held:
        return
    import json  # start-up time: loaded already where there is a lease

    for lease, _ in _held.values():
        for secret in (lease.secret, *lease.fields.values()):
            if len(secret) >= _SHORTEST_SECRET and json.dumps(secret, ensure_ascii=False)[1:-1] in text:
                raise Problem(
                    f"{what} holds a secret of {lease.provider}, and would be kept for ever",
                    fix="leave it out",
                    kind="Misused",
                )


def _now() -> float:
    # Goes on while a laptop sleeps, as the life of a token does.
    return time.clock_gettime(time.CLOCK_BOOTTIME)
