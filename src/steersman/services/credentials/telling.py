"""What this machine's ledger is told of a login that another machine changed: once, however often it is found out."""

from __future__ import annotations

from uuid import UUID

from steersman.kernel.clock import Clock
from steersman.kernel.ids import stable_uuid
from steersman.services.credentials.provider import Login
from steersman.services.credentials.recorder import Recorder
from steersman.services.credentials.shared_record import Record
from steersman.services.credentials.store import Health
from steersman.services.events import (
    LOGGED_IN,
    LOGGED_OUT,
    LOGIN_SHARED,
    REAUTH_REQUIRED,
    TOKEN_FAILED,
    TOKEN_RECEIVED,
    TOKEN_REFRESHED,
    LoggedIn,
    LoggedOut,
    LoginShared,
    ReauthRequired,
    TokenFailed,
    TokenReceived,
    TokenRefreshed,
)


class Telling:
    """Says it about one login. Every method raises Unavailable while the ledger takes no event."""

    def __init__(self, name: str, recorder: Recorder, clock: Clock) -> None:
        self._name, self._recorder, self._clock = name, recorder, clock

    def brought(self, record: Record, before: Login, login: Login, health: Health, *, is_ours: bool) -> None:
        """Say what is new in a copy: a login, a token, a refusal.

        Args:
            before: the copy until now.
            is_ours: this machine wrote the record, and was killed before it had its own copy.
        """
        now, machine = self._clock.now_ns(), record.machine
        if login.logged_in_at is not None and login.logged_in_at != before.logged_in_at and not is_ours:
            told = LoggedIn(provider=self._name, flow="shared", scopes=login.scopes, at=now, machine=machine)
            self._recorder.say(LOGGED_IN, self._name, told, id=self._id(record, "in"))
        known = before.token.token_id if before.token is not None else ""
        if login.token is not None and login.token.token_id != known and not is_ours:
            received = TokenReceived(
                provider=self._name,
                token_id=login.token.token_id,
                machine=machine,
                expires_at=health.expires_at,
                age_s=(now - login.token.obtained_at) / 1e9,
                at=now,
            )
            self._recorder.say(TOKEN_RECEIVED, self._name, received, id=self._id(record, "token"))
        if health.broken is not None:
            broken = health.broken
            wanted = ReauthRequired(provider=self._name, error=broken.error, fix=broken.fix, at=broken.since)
            once = stable_uuid("auth.reauth", self._name, str(broken.since))
            self._recorder.say(REAUTH_REQUIRED, self._name, wanted, id=once)

    def logged_out(self, record: Record) -> None:
        """Say that somebody logged out on another machine."""
        out = LoggedOut(provider=self._name, revoked=False, at=self._clock.now_ns(), machine=record.machine)
        self._recorder.say(LOGGED_OUT, self._name, out, id=self._id(record, "out"))

    def moved_up(self, record: Record) -> None:
        """Say that the login of this machine is everybody's from now on."""
        self._shared(record, "the login of this machine was put into the commons", "")

    def taken_over(self, record: Record, kept: str) -> None:
        """Say that the login in the commons took the place of one that was stored here before."""
        did = f"the login that {record.machine} put into the commons took the place of the one that was here"
        self._shared(record, did, kept)

    def arrived_late(self, login: Login) -> None:
        """Say that a token came at last to where it belongs."""
        now, token = self._clock.now_ns(), login.token
        if token is None:
            return
        told = TokenRefreshed(
            provider=self._name,
            token_id=token.token_id,
            why="late",
            expires_at=token.obtained_at + int(token.life_s * 1e9),
            rotated=True,
            took_ms=(now - token.obtained_at) / 1e6,
            at=now,
        )
        once = stable_uuid("services.shared", self._name, token.token_id, "late")
        self._recorder.say(TOKEN_REFRESHED, self._name, told, id=once)

    def dropped(self, record: Record | None) -> None:
        """Say that what a provider gave was of no use any more when it could be told."""
        by = f"{record.machine} has" if record is not None else "somebody has"
        self.failed(f"a token that came while the commons were away was dropped: {by} gone on without it")

    def failed(self, problem: str) -> None:
        """Say that something went wrong that mended itself."""
        failed = TokenFailed(provider=self._name, problem=problem, status=None, retry_at=None, at=self._clock.now_ns())
        self._recorder.say(TOKEN_FAILED, self._name, failed)

    def _shared(self, record: Record, did: str, kept: str) -> None:
        shared = LoginShared(
            provider=self._name, did=did, quarantined=kept, machine=record.machine, at=self._clock.now_ns()
        )
        self._recorder.say(LOGIN_SHARED, self._name, shared, id=self._id(record, "shared"))

    def _id(self, record: Record, what: str) -> UUID:
        return stable_uuid("services.shared", self._name, record.id, what)
