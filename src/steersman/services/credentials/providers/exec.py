"""`kind = "exec"`: a command of the operator prints the login: plain, as JSON, or as AWS's credential_process does."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from steersman.kernel.clock import to_ns
from steersman.kernel.durations import seconds
from steersman.services.credentials.commanded import Commanded, CommandSettings
from steersman.services.credentials.freshness import LONGEST_LIFE_S, life_s
from steersman.services.credentials.oauth2 import bad_header, json_object, sendable
from steersman.services.credentials.provider import (
    Fetched,
    Kind,
    Login,
    NoAnswer,
    Problem,
    ProviderSettings,
    Surroundings,
    bad_span,
)


class ExecSettings(CommandSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to run.

    Attributes:
        command: program and arguments; no shell. Never write a secret into it: anybody can list processes.
        life: how long what it printed is good, where it does not say so.
        header, scheme: how the secret travels.
    """

    command: tuple[str, ...]

    def problems(self) -> Iterator[Problem]:
        yield from super().problems()
        if not self.command or not all(self.command) or any("\0" in part for part in self.command):
            yield (
                "command",
                "found no command; allowed: a list of words",
                'write e.g. command = ["aws-login", "--json"]',
            )
        yield from bad_span("life", self.life, least_s=1.0, most_s=86_400.0)
        yield from bad_header(self.header, self.scheme)


class Exec(Commanded):
    """Runs the command whenever what it printed last is due."""

    def __init__(self, around: Surroundings, settings: ProviderSettings) -> None:
        self._settings = msgspec.convert(settings, ExecSettings)
        super().__init__(around, self._settings)

    def fetch(self, login: Login) -> Fetched:
        around, said = self._around, self._settings
        asked_at = around.clock.now_ns()
        printed = self._printed(said.command)
        return parse(printed, name=around.name, now_ns=asked_at, assumed_s=seconds(said.life))


def parse(printed: bytes, *, name: str, now_ns: int, assumed_s: float) -> Fetched:
    """Return what a command printed: JSON, or one bare token.

    JSON is what AWS's `credential_process` prints (`Version` 1, `AccessKeyId`, `SecretAccessKey`, `SessionToken`,
    `Expiration` in ISO 8601), or `access_token` (or `token`) with `expires_in` (seconds) or `expires_at` (ISO 8601).

    Raises:
        NoAnswer: anything else; the output is not quoted.
    """
    text = printed.decode("utf-8", errors="replace").strip()
    if not text.startswith("{"):
        if not sendable(text):
            raise NoAnswer(f"{name}: the command printed neither JSON nor one token")
        return Fetched(secret=text, life_s=assumed_s)
    body = json_object(text.encode())
    if body is None:
        raise NoAnswer(f"{name}: the command printed broken JSON")
    return _aws(body, name, now_ns, assumed_s) if "AccessKeyId" in body else _token(body, name, now_ns, assumed_s)


def _aws(body: dict[str, object], name: str, now_ns: int, assumed_s: float) -> Fetched:
    if body.get("Version") != 1:
        raise NoAnswer(f"{name}: the command printed AWS credentials of another version than 1")
    parts = {key: body.get(key) for key in ("AccessKeyId", "SecretAccessKey", "SessionToken") if key in body}
    for key, value in parts.items():
        if not sendable(value):
            raise NoAnswer(f"{name}: the command printed an unusable {key}")
    if "SecretAccessKey" not in parts:
        raise NoAnswer(f"{name}: the command printed AWS credentials without SecretAccessKey")
    expires = body.get("Expiration")
    # Without one they are good for ever, says AWS; a day later the command is asked again all the same.
    life = LONGEST_LIFE_S if expires is None else _until(expires, name, now_ns)
    return Fetched(secret=str(parts["SecretAccessKey"]), fields={k: str(v) for k, v in parts.items()}, life_s=life)


def _token(body: dict[str, object], name: str, now_ns: int, assumed_s: float) -> Fetched:
    secret = body.get("access_token", body.get("token"))
    if not sendable(secret):
        raise NoAnswer(f"{name}: the command printed JSON without access_token or token")
    expires = body.get("expires_at")
    if expires is not None:
        return Fetched(secret=str(secret), life_s=_until(expires, name, now_ns))
    life, note = life_s(body.get("expires_in"), assumed_s=assumed_s)
    return Fetched(secret=str(secret), life_s=life, note=note if "expires_in" in body else "")


def _until(expires: object, name: str, now_ns: int) -> float:
    """Return the seconds until an ISO 8601 instant (without a zone: UTC).

    Raises:
        NoAnswer: no instant, or one that is over.
    """
    try:
        at = datetime.fromisoformat(expires) if isinstance(expires, str) else None
    except ValueError:
        at = None
    if at is None:
        raise NoAnswer(f"{name}: the command printed an expiry that is no ISO 8601 instant")
    left = (to_ns(at if at.tzinfo else at.replace(tzinfo=UTC)) - now_ns) / 1e9
    if left <= 0:
        raise NoAnswer(f"{name}: the command printed something that expired {-left:.0f} s ago")
    return min(left, LONGEST_LIFE_S) if math.isfinite(left) else LONGEST_LIFE_S


KIND: Final = Kind(settings=ExecSettings, make=Exec)
