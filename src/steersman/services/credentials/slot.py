"""One login: its token while it is good, a new one when it is not; one process at a time asks the provider."""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress

import msgspec

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Conflict, Corrupt, Misconfigured, Rejected, SteersmanError, Unavailable
from steersman.services.credentials.freshness import age_s, judge, left_s
from steersman.services.credentials.instant import Instant, instant
from steersman.services.credentials.provider import (
    Fetched,
    Kind,
    Login,
    Provider,
    ProviderSettings,
    Token,
)
from steersman.services.credentials.recorder import Recorder
from steersman.services.credentials.refresh import Refresher
from steersman.services.credentials.store import Damaged, Gone, Health, KeyElsewhere, Store
from steersman.services.events import LOGGED_IN, LOGGED_OUT, TOKEN_FAILED, LoggedIn, LoggedOut, TokenFailed

_PATIENCE_S = 30.0


def longest_s(settings: ProviderSettings) -> float:
    """Return the seconds after which whoever is at work on a login is not waited for any more."""
    return 2 * settings.timeout_s + _PATIENCE_S


class Slot:
    """A declared login and everything about it. Safe for many threads and processes."""

    def __init__(
        self,
        name: str,
        settings: ProviderSettings,
        kind: Kind,
        *,
        provider: Provider,
        store: Store,
        refresher: Refresher,
        recorder: Recorder,
        clock: Clock,
    ) -> None:
        self.name = name
        self.settings = settings
        self.kind = kind
        self.provider = provider
        self._store = store
        self._refresher = refresher
        self._recorder = recorder
        self._clock = clock
        self.trouble: SteersmanError | None = None

    def token(self, refused: str = "") -> Token:
        """Return a token that may be handed out now.

        Args:
            refused: id of a token that the provider's API just refused; another is fetched, once for all who say so.

        Raises:
            Rejected, Unavailable, Misconfigured: as `Credentials.lease` says.
            Corrupt: what was stored is damaged; it lies in quarantine, and a person must log in.
        """
        if self._store.is_unsettled:
            self._settle()
        if self.provider.static:
            return self._static(refused)
        token = self._read().token
        if token is None:
            return self._fetched("first", refused)
        if token.token_id == refused:
            return self._fetched("refused", refused)
        state = judge(token, self._age(token))
        if state == "over":
            return self._fetched("expired", refused)
        if state == "due":
            return self._renewed(token)
        self._store.look_soon()
        return token

    def left_s(self, token: Token) -> float:
        """Return the seconds for which `token` may still be handed out."""
        return left_s(token, self._age(token))

    def health(self) -> Health:
        return self._store.health()

    @property
    def stored(self) -> bool:
        """Whether anything is stored; looks into nothing."""
        return self._store.path.exists()

    def check_sealable(self) -> None:
        """Find out whether a login can be stored, before a person makes one.

        Raises:
            Misconfigured: the key that seals logins is not at hand.
            Unavailable: the keyring does not answer, or the disk takes nothing.
        """
        self._store.check_key()

    def paste(self, secret: str) -> tuple[Login, Health] | None:
        """Store what a person typed in as the login; return what was stored before, for `put_back`.

        Raises:
            Misconfigured: this kind takes nothing, or takes it from a reference.
        """
        login = self.provider.pasted(secret)
        with self._lock():
            self._set_aside_unreadable()
            before = (self._store.read_anew(), self._store.health()) if self.stored else None
            self._store.become_own()
            self._store.write(msgspec.structs.replace(login, logged_in_at=self._clock.now_ns()))
            self._logged_in("paste", "", Health())
        return before

    def put_back(self, before: tuple[Login, Health]) -> None:
        """Store again what `paste` took the place of: what was pasted is no login.

        One that was broken is said to be so once more, since the ledger was just told of a login.
        """
        login, health = before
        if health.broken is not None:
            # Another instant than the refusal of what was pasted: that one is told by its own.
            again = msgspec.structs.replace(health.broken, recorded=False, since=self._clock.now_ns() + 1)
            health = msgspec.structs.replace(health, broken=again)
        with self._lock():
            self._store.write(login)
            self._logged_in("paste", "", health)

    def logged_in(self, fetched: Fetched, asked: Instant, *, flow: str) -> None:
        """Store what a person's login brought; `asked` is when the provider was asked for the tokens."""
        with self._lock():
            self._set_aside_unreadable()
            self._store.become_own()
            token = self._refresher.keep(Login(logged_in_at=self._clock.now_ns()), fetched, asked)
            self._logged_in(flow, fetched.scopes, self._refresher.health_of(token, fetched))

    def forgive(self) -> None:
        """Forget refusals and pauses, so that the next lease asks the provider: a person says that it may work now."""
        with self._lock():
            with suppress(Corrupt, Misconfigured):
                self._store.read_anew()
            self._store.note(msgspec.structs.replace(self._store.health(), broken=None, failures=0, refusals=0))

    def forget(self) -> bool:
        """Delete the login and tell the provider; whether the provider was told and agreed."""
        with self._lock():
            try:
                revoked = self.provider.revoke(self._store.read_anew())
            except (Unavailable, Corrupt, Misconfigured):
                # Deleting here must not depend on anybody else.
                revoked = False
            self._store.delete()
            out = LoggedOut(provider=self.name, revoked=revoked, at=self._clock.now_ns())
            self._recorder.say(LOGGED_OUT, self.name, out, actor="person:cli")
        return revoked

    def look(self) -> None:
        """Take over what was changed on another machine. Raises as `Store.look`; `trouble` is it until it is mended."""
        try:
            self._store.look()
        except (Misconfigured, Corrupt) as exc:
            self.trouble = exc
            raise
        self.trouble = None

    def close(self) -> None:
        """Wait a moment for what goes on behind the leases."""
        self._store.close()

    def _static(self, refused: str) -> Token:
        if self.needs_person and not self.stored:
            # In turn: who cannot reach the others does not know that nobody is logged in.
            with self._lock():
                self._read_locked()
        elif refused:
            self._store.look()
        login = self._read()
        with self._store.turn_here(self._longest_s):
            token = self._refresher.look(login, refused)
        self._store.look_soon()
        return token

    def _settle(self) -> None:
        """Put in order what could not be told when it happened; if that cannot be done now, it is at another lease."""
        with suppress(Unavailable, Conflict, Misconfigured, Corrupt), self._lock(timeout_s=0.0):
            self._read_locked()

    def _renewed(self, token: Token) -> Token:
        """Return a new token if this process is the one to fetch it and can; the one that is still good otherwise."""
        try:
            with self._lock(timeout_s=0.0, alone=True):
                found = self._read_locked()
                now = found.token
                if now is not None and judge(now, self._age(now)) == "fresh":
                    return now
                return self._refresher.refresh(found, "due")
        except (Unavailable, Rejected, Misconfigured, Conflict, Corrupt):
            # Somebody else fetches it, or the provider fails: recorded where it happened, and no reason to stop work.
            return token

    def _fetched(self, why: str, refused: str) -> Token:
        """Return a new token, or the one that another process fetched while this one waited."""
        try:
            with suppress(Conflict):
                return self._fetched_in_turn(why, refused)
            # The turn was lost to another machine: what it fetched may do.
            return self._fetched_in_turn(why, refused)
        except Conflict as exc:
            raise Unavailable(f"{self.name}: {exc.message}, twice", fix="ask again: other machines are at it") from exc

    def _fetched_in_turn(self, why: str, refused: str) -> Token:
        with self._lock(alone=True):
            login = self._read_locked()
            token = login.token
            if token is not None and token.token_id != refused and judge(token, self._age(token)) != "over":
                return token
            return self._refresher.refresh(login, why)

    def _age(self, token: Token) -> float:
        now = instant(self._clock)
        return age_s(token, now_ns=now.now_ns, elapsed_ns=now.elapsed_ns, boot=now.boot)

    @property
    def _longest_s(self) -> float:
        return longest_s(self.settings)

    def _lock(self, *, timeout_s: float | None = None, alone: bool = False) -> AbstractContextManager[None]:
        return self._store.turn(self._longest_s if timeout_s is None else timeout_s, alone=alone)

    def _read(self) -> Login:
        try:
            return self._store.read()
        except (Corrupt, Misconfigured):
            # Damaged, or sealed with a key that is gone: machines that share it have it elsewhere too.
            with self._lock():
                return self._read_locked()

    def _read_locked(self) -> Login:
        """Return the stored login; a damaged one is moved to quarantine first, recorded, and raised if it is missed."""
        try:
            return self._store.read_anew()
        except Corrupt as exc:
            if isinstance(exc, Damaged) and self.needs_person:
                # The copy here may be all that is left of the login.
                raise
            problem = self._set_aside(exc)
            if self.needs_person:
                raise Corrupt(problem, fix=exc.fix) from exc
            return Login()

    @property
    def needs_person(self) -> bool:
        """Whether only a person can make this login."""
        return bool(self.kind.flows) and not (self.kind.seed and getattr(self.settings, self.kind.seed))

    def _set_aside(self, why: SteersmanError) -> str:
        """Move the stored file into quarantine and record that; return it in words."""
        kept = self._store.set_aside()
        problem = f"{why.message}; it was moved to {kept.parent.name}/{kept.name}"
        failed = TokenFailed(provider=self.name, problem=problem, status=None, retry_at=None, at=self._clock.now_ns())
        self._recorder.say(TOKEN_FAILED, self.name, failed)
        return problem

    def _set_aside_unreadable(self) -> None:
        """Make way for a new login. Where none could be sealed, what is there stays."""
        self.check_sealable()
        try:
            self._store.read_anew()
        except KeyElsewhere:
            # What took its place could not be opened by those who have that key.
            raise
        except (Corrupt, Misconfigured, Gone) as exc:
            self._set_aside(exc)

    def _logged_in(self, flow: str, scopes: str, health: Health) -> None:
        self._store.note(health)
        data = LoggedIn(provider=self.name, flow=flow, scopes=scopes, at=self._clock.now_ns())
        self._recorder.say(LOGGED_IN, self.name, data, actor="person:cli")
