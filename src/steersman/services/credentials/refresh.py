"""Fetching one token anew, with the login's lock held: what is durable when, and what is said about it."""

from __future__ import annotations

import random

import msgspec

from steersman.kernel.clock import Clock, iso
from steersman.kernel.errors import Rejected, Unavailable
from steersman.kernel.ids import stable_uuid
from steersman.services.credentials.deadline import sent_by
from steersman.services.credentials.freshness import LONGEST_RETRY_AFTER_S, pause_s
from steersman.services.credentials.instant import Instant, instant
from steersman.services.credentials.keychain import Keychain
from steersman.services.credentials.provider import Fetched, Login, NoAnswer, Provider, Refused, Token
from steersman.services.credentials.recorder import Recorder
from steersman.services.credentials.store import Broken, Health, Store
from steersman.services.events import (
    REAUTH_REQUIRED,
    TOKEN_FAILED,
    TOKEN_REFRESHED,
    ReauthRequired,
    TokenFailed,
    TokenRefreshed,
)

_PATIENT_REFUSALS = 2
_REFUSAL_PAUSE_S = 5.0
_LARGEST_SKEW_S = 30.0
SENT_WITHIN_S = 20.0
"""After this nothing is sent that may be used up: less than anybody waits before taking a refresh for lost."""


class Refresher:
    """Fetches tokens for one login. Every method is called with the login's lock held."""

    def __init__(
        self,
        name: str,
        *,
        provider: Provider,
        store: Store,
        keychain: Keychain,
        recorder: Recorder,
        clock: Clock,
        dice: random.Random,
    ) -> None:
        self._name = name
        self._provider = provider
        self._store = store
        self._keychain = keychain
        self._recorder = recorder
        self._clock = clock
        self._dice = dice

    def refresh(self, login: Login, why: str) -> Token:
        """Return a new token; whatever the provider exchanged for it is on disk before this returns.

        Args:
            why: first, due, refused or expired.

        Raises:
            Rejected: a person must log in; said before, or recorded now, once.
            Unavailable: the provider does not answer, or did not lately; or the ledger takes no event.
            Misconfigured: what the settings refer to is not there.
        """
        fingerprint = self._fingerprint(login)
        health = self._store.health()
        self._refuse_known(health, fingerprint, why)
        if self._provider.spends(login):
            self._store.check_may_spend()
        began, lost = instant(self._clock), login.pending_since is not None
        login = self._intend(login, began)
        try:
            with sent_by(began.elapsed_ns + int(SENT_WITHIN_S * 1e9)):
                fetched = self._provider.fetch(login)
        except Refused as exc:
            message = exc.message + ("; the answer to the refresh before this one was lost" if lost else "")
            broken = self._refusal(exc, fingerprint, message)
            raise self._broken(login, health, broken) from None
        except NoAnswer as exc:
            raise self._failed(login, health, exc) from None
        token = self.keep(login, fetched, began)
        self._say_refreshed(token, fetched, began, why)
        return token

    def look(self, login: Login, refused: str) -> Token:
        """Return what a static provider holds now; a change of it is recorded. Needs the lock only if it changed.

        Args:
            refused: id of the token that the provider's API just refused.

        Raises:
            Rejected: there is nothing, or it is what was refused.
            Misconfigured: what the settings refer to is not there.
        """
        health, began = self._store.health(), instant(self._clock)
        try:
            fetched = self._provider.fetch(login)
        except Refused as exc:
            self._refuse_known(health, fingerprint := self._fingerprint(login), "first")
            broken = self._refusal(exc, fingerprint, exc.message)
            raise self._broken(login, health, broken) from None
        token = self._token(fetched, began)
        if token.token_id == refused:
            raise self._same_again(token, began)
        if token.token_id != health.token_id:
            self._say_refreshed(token, fetched, began, "first")
        return token

    def _same_again(self, token: Token, now: Instant) -> Rejected:
        """Record, once for each key, that the API refuses it; return what to raise."""
        problem = f"the API of {self._name} refuses its key, and no other is there"
        failed = TokenFailed(provider=self._name, problem=problem, status=None, retry_at=None, at=now.now_ns)
        once = stable_uuid("services.key.refused", self._name, token.token_id)
        self._recorder.say(TOKEN_FAILED, self._name, failed, id=once)
        return Rejected(problem, fix="put a new key in its place, or check what the old one may do")

    def keep(self, login: Login, fetched: Fetched, asked: Instant) -> Token:
        """Store what a provider gave, durably, and return the token. `asked` is when it was asked."""
        token = self._token(fetched, asked)
        self._store.keep(
            msgspec.structs.replace(
                login,
                token=token,
                pending_since=None,
                scopes=fetched.scopes or login.scopes,
                seed_id=fetched.seed_id or login.seed_id,
                refresh_token=fetched.refresh_token or fetched.used or login.refresh_token,
            )
        )
        return token

    def _token(self, fetched: Fetched, asked: Instant) -> Token:
        key = self._keychain.ring().current
        return Token(
            token_id=key.name("token", self._name, fetched.secret, *sorted(fetched.fields.values())),
            secret=fetched.secret,
            fields=fetched.fields,
            life_s=fetched.life_s,
            obtained_at=asked.now_ns,
            obtained_elapsed_ns=asked.elapsed_ns,
            boot=asked.boot,
        )

    def _fingerprint(self, login: Login) -> str:
        inputs = (str(login.logged_in_at), *self._provider.inputs(login))
        return self._keychain.ring().current.name("inputs", *inputs)

    def _refuse_known(self, health: Health, fingerprint: str, why: str) -> None:
        """Raise what a refusal, or a pause after failures, has settled already; the provider is not asked."""
        broken = health.broken
        if broken is not None and broken.fingerprint == fingerprint:
            if not broken.recorded:
                self._record(health, broken)
            raise Rejected(broken.message, fix=broken.fix)
        now = instant(self._clock)
        if self._waits(health, now):
            raise Unavailable(
                f"{self._name} does not answer: {health.problem}; it is asked again at {iso(health.retry_at)[:19]}Z",
                fix="wait; see the provider's status page if it stays",
            )
        if why == "refused" and health.refusals >= _PATIENT_REFUSALS and health.refreshed_at is not None:
            rest_s = pause_s(health.refusals, 0.0) * _REFUSAL_PAUSE_S - (now.now_ns - health.refreshed_at) / 1e9
            if rest_s > 0:
                raise Unavailable(
                    f"the API of {self._name} refuses tokens that were just fetched",
                    fix=f"check scopes and account at the provider; another one is fetched in {rest_s:.0f} s",
                )

    def _waits(self, health: Health, now: Instant) -> bool:
        if not health.failures:
            return False
        if now.boot and health.boot == now.boot:
            return now.elapsed_ns < health.retry_elapsed_ns
        # Further ahead than any pause: the clock has been set back since, and nobody knows how long ago that was.
        return now.now_ns < health.retry_at <= now.now_ns + int(LONGEST_RETRY_AFTER_S * 1e9)

    def _intend(self, login: Login, began: Instant) -> Login:
        """Write down that what is stored may be used up from here on; say so if that was never answered before."""
        if not self._provider.spends(login):
            return login
        if login.pending_since is not None:
            problem = (
                f"the answer to a refresh sent at {iso(login.pending_since)[:19]}Z was never stored (a process was "
                "killed, or the provider went silent); the same refresh token is tried once more, and may be used up"
            )
            lost = TokenFailed(
                provider=self._name, problem=problem, status=None, retry_at=began.now_ns, at=began.now_ns
            )
            once = stable_uuid("services.token.lost", self._name, str(login.pending_since))
            self._recorder.say(TOKEN_FAILED, self._name, lost, id=once)
        login = msgspec.structs.replace(login, pending_since=began.now_ns)
        self._store.write(login)
        return login

    def _broken(self, login: Login, health: Health, broken: Broken) -> Rejected:
        """Remember and record a refusal; return what to raise."""
        if login.pending_since is not None:
            # Answered: what was sent is settled.
            self._store.write(msgspec.structs.replace(login, pending_since=None))
        health = msgspec.structs.replace(health, broken=broken, failures=0, token_id="", expires_at=None)
        self._store.note(health)
        self._record(health, broken)
        return Rejected(broken.message, fix=broken.fix)

    def _refusal(self, exc: Refused, fingerprint: str, message: str) -> Broken:
        since = self._clock.now_ns()
        return Broken(error=exc.error, message=message, fix=exc.fix, fingerprint=fingerprint, since=since)

    def _record(self, health: Health, broken: Broken) -> None:
        """Say once that a person must log in; whoever is killed here says it at the next lease, under the same id."""
        data = ReauthRequired(provider=self._name, error=broken.error, fix=broken.fix, at=broken.since)
        self._recorder.say(
            REAUTH_REQUIRED, self._name, data, id=stable_uuid("auth.reauth", self._name, str(broken.since))
        )
        self._store.note(msgspec.structs.replace(health, broken=msgspec.structs.replace(broken, recorded=True)))

    def _failed(self, login: Login, health: Health, exc: NoAnswer) -> Unavailable:
        """Remember and record a failure; return what to raise."""
        if login.pending_since is not None and not exc.spent:
            self._store.write(msgspec.structs.replace(login, pending_since=None))
        now = instant(self._clock)
        failures = health.failures + 1
        pause_ns = int(pause_s(failures, self._dice.random(), retry_after_s=exc.retry_after_s) * 1e9)
        self._store.note(
            msgspec.structs.replace(
                health,
                failures=failures,
                problem=exc.message,
                retry_at=now.now_ns + pause_ns,
                retry_elapsed_ns=now.elapsed_ns + pause_ns,
                boot=now.boot,
            )
        )
        failed = TokenFailed(
            provider=self._name,
            problem=exc.message,
            status=exc.status,
            retry_at=now.now_ns + pause_ns,
            at=now.now_ns,
        )
        self._recorder.say(TOKEN_FAILED, self._name, failed)
        return Unavailable(exc.message, fix=exc.fix)

    def health_of(self, token: Token, fetched: Fetched, *, refusals: int = 0) -> Health:
        """Return how a login does whose token just came."""
        return Health(
            refusals=refusals,
            token_id=token.token_id,
            expires_at=token.obtained_at + int(token.life_s * 1e9),
            refreshed_at=self._clock.now_ns(),
            note=_odd(fetched),
        )

    def _say_refreshed(self, token: Token, fetched: Fetched, began: Instant, why: str) -> None:
        refusals = self._store.health().refusals + 1 if why == "refused" else 0
        health = self.health_of(token, fetched, refusals=refusals)
        self._store.note(health)
        now = instant(self._clock)
        told = TokenRefreshed(
            provider=self._name,
            token_id=token.token_id,
            why=why,
            expires_at=health.expires_at,
            rotated=fetched.refresh_token is not None,
            took_ms=(now.elapsed_ns - began.elapsed_ns) / 1e6,
            at=now.now_ns,
        )
        self._recorder.say(TOKEN_REFRESHED, self._name, told)


def _odd(fetched: Fetched) -> str:
    """Return what a person should know about an answer that was good enough."""
    notes = [fetched.note] if fetched.note else []
    if fetched.skew_s is not None and abs(fetched.skew_s) > _LARGEST_SKEW_S:
        ahead = "ahead of" if fetched.skew_s > 0 else "behind"
        notes.append(f"its clock is {abs(fetched.skew_s):.0f} s {ahead} this machine's")
    return "; ".join(notes)
