"""Where a login lies that several machines share: in the commons, under a lock there; each machine keeps a sealed copy.

Nobody asks the commons for a token that is good: the copy has it. Whoever is about to change anything takes this
machine's lock, then the commons' lock, and reads what lies there first. What a provider gave is durable in the commons
before it is leased; if they cannot be reached at that moment, it is kept here and goes there before anything else.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Conflict, Corrupt, Misconfigured, SteersmanError, Unavailable
from steersman.services.commons import Lock
from steersman.services.credentials import files, sealing
from steersman.services.credentials.instant import instant
from steersman.services.credentials.keychain import Keychain
from steersman.services.credentials.keys import Ring
from steersman.services.credentials.machines import Machines
from steersman.services.credentials.provider import Login
from steersman.services.credentials.shared_login import SharedLogin
from steersman.services.credentials.shared_record import (
    Record,
    Synced,
    Unsent,
    health_inward,
    health_outward,
    inward,
)
from steersman.services.credentials.store import Damaged, Gone, Health, Store
from steersman.services.credentials.telling import Telling

_LOOK_EVERY_S: Final = 15.0
_RETAKE_S: Final = 5.0
_CLOSE_S: Final = 2.0


class SharedStore(Store):
    """As `Store`, for all machines of the operation. Its lock is taken with `turn`, never by its path alone."""

    def __init__(
        self,
        state: Path,
        name: str,
        keychain: Keychain,
        clock: Clock,
        *,
        machines: Machines,
        telling: Telling,
        needs_others: Callable[[Login], bool],
        longest_s: float,
    ) -> None:
        """Prepare; nobody is asked yet.

        Args:
            needs_others: whether a copy is not enough to ask the provider with: that uses up what is stored, or only a
                person can make it anew.
            longest_s: after how many seconds a refresh that another machine began is taken for lost.
        """
        super().__init__(state, name, keychain, clock)
        self._shared = SharedLogin(name, machines, clock)
        self._machines, self._telling, self._needs_others = machines, telling, needs_others
        self._longest_ns = int(longest_s * 1e9)
        self._unsent_path = self._folder / f"{name}.unsent"
        # Of whoever has the turn; nobody else touches these.
        self._lock: Lock | None = None
        self._found: Record | None = None
        self._damage: Damaged | None = None
        self._tried = ""
        self._looking = threading.Lock()
        self._looker: threading.Thread | None = None
        self._looked_ns: int | None = None

    # -- turns ---------------------------------------------------------------------------------------------------

    @contextmanager
    def turn(self, timeout_s: float, *, alone: bool = False) -> Iterator[None]:
        until = self._clock.elapsed_ns() + int(timeout_s * 1e9)
        with self.turn_here(timeout_s):
            try:
                self._begin(max(0.0, (until - self._clock.elapsed_ns()) / 1e9))
            except Unavailable:
                if not (alone and self._machines.may_go_alone and not self._needs_others(super().read())):
                    raise
            try:
                yield
            finally:
                lock, self._lock, self._found, self._damage = self._lock, None, None, None
                if lock is not None:
                    lock.release()

    def _begin(self, wait_s: float) -> None:
        lock = self._shared.lock(wait_s)
        if lock is None:
            raise Unavailable(
                f"another machine has been fetching {self._name} for {wait_s:g} s", fix="try again in a moment"
            )
        try:
            self._found = self._shared.read()
        except Damaged as exc:
            # A person who logs in or out must be able to put something else there.
            self._damage = exc
        except BaseException:
            lock.release()
            raise
        self._lock, self._looked_ns = lock, self._clock.elapsed_ns()

    def read_anew(self) -> Login:
        if self._damage is not None:
            raise self._damage
        if self._lock is not None:
            self._settle()
            found, is_known = self._found, self._synced() is not None
            if found is None or not (found.sealed or is_known):
                self._move_up()
            elif self._is_other(found):
                self._bring_down(found)
        try:
            return super().read_anew()
        except (Corrupt, Misconfigured) as exc:
            if self._lock is None or self._found is None or not self._found.sealed:
                raise
            if isinstance(exc, Corrupt):
                kept = super().set_aside()
                self._telling.failed(f"{exc.message}; it was moved to {kept.parent.name}/{kept.name}")
            self._bring_down(self._found)
            return super().read_anew()

    def check_may_spend(self) -> None:
        found = self._found
        if found is None or not found.pending or self._shared.is_from_here(found):
            return
        ago_ns = self._shared.now_ns() - found.at
        if 0 <= ago_ns < self._longest_ns:
            raise Unavailable(
                f"{found.machine} asked for a token of {self._name} {ago_ns / 1e9:.0f} s ago, and what came is not "
                f"known yet",
                fix=f"wait: after {self._longest_ns / 1e9:.0f} s another machine tries",
            )

    # -- changes, each with the turn ------------------------------------------------------------------------------

    def write(self, login: Login) -> None:
        if self._lock is not None:
            self._up(login, super().health())
            if login.pending_since is not None:
                # What counts lies in the commons; the copy here goes on being leased from until there is an answer.
                return
        super().write(login)
        self._mark()

    def become_own(self) -> None:
        """Do nothing: a login that is shared is everybody's."""

    def keep(self, login: Login) -> None:
        if self._lock is None:
            super().write(login)
            return
        base = self._found.id if self._found is not None else ""
        try:
            self.write(login)
        except (Unavailable, Conflict) as exc:
            self._hold_back(login, base)
            if isinstance(exc, Conflict) and self._retaken(base):
                self.write(login)
                self._unsent_path.unlink(missing_ok=True)
                return
            raise

    def note(self, health: Health) -> None:
        super().note(health)
        found = self._found
        if self._lock is None or found is None or not found.sealed:
            return
        is_copied = not self._is_other(found)
        with suppress(Unavailable, Conflict):  # it can be found out again, by asking the provider
            theirs = self._shared.now_ns()
            self._put(msgspec.structs.replace(found, health=health_outward(health, instant(self._clock), theirs)))
            if is_copied:
                self._mark()

    def delete(self) -> None:
        if self._lock is not None:
            self._put(self._shared.emptied())
        super().delete()
        self._unsent_path.unlink(missing_ok=True)
        self._mark()

    def set_aside(self) -> Path:
        if self._damage is not None:
            raw, self._damage = self._damage.raw, None
        elif self._lock is not None and self._found is not None and self._found.sealed:
            raw = self._found.sealed
        else:
            return super().set_aside()
        kept = files.private_folder(self.quarantine) / f"{self._name}.{self._clock.now_ns()}.sealed"
        files.write(kept, raw)
        super().delete()
        return kept

    def reseal(self, ring: Ring) -> bool:
        if self._lock is None or self._found is None or not self._found.sealed:
            return super().reseal(ring)
        # First the copy: marked as one of what is written now, it must be one.
        self.read_anew()
        again = self._shared.resealed(self._found, ring)
        if again is None:
            return super().reseal(ring)
        self._put(again)
        super().reseal(ring)
        if self.path.exists():
            self._mark()
        return True

    # -- looking -------------------------------------------------------------------------------------------------

    @property
    def is_unsettled(self) -> bool:
        return self._unsent_path.exists() or (not self._synced_path.exists() and self.path.exists())

    def look(self) -> None:
        self._looked_ns = self._clock.elapsed_ns()
        with suppress(Unavailable), self.turn_here(0.0):
            if self.is_unsettled:
                return
            self._stamp()
            found = self._shared.read()
            if found is not None and self._is_other(found) and not found.pending:
                self._bring_down(found)

    def look_soon(self) -> None:
        with self._looking:
            now = self._clock.elapsed_ns()
            every_ns = int(_LOOK_EVERY_S * 1e9)
            if self._looked_ns is not None and now - self._looked_ns < every_ns:
                return
            self._looked_ns = now
            with suppress(FileNotFoundError):
                if 0 <= self._clock.now_ns() - self._synced_path.stat().st_mtime_ns < every_ns:
                    return  # another process of this machine did
            self._looker = threading.Thread(target=self._look, name=f"look-{self._name}", daemon=True)
            self._looker.start()

    def close(self) -> None:
        with self._looking:
            looker = self._looker
        if looker is not None:
            looker.join(_CLOSE_S)

    def _look(self) -> None:
        with suppress(SteersmanError):  # raised again to whoever needs what could not be read
            self.look()

    # -- between here and there ----------------------------------------------------------------------------------

    def _up(self, login: Login, health: Health) -> None:
        """Write a login into the commons."""
        self._put(self._shared.filled(login, health, self._keychain.fresh(), self._found))

    def _put(self, record: Record) -> None:
        if self._lock is None:
            raise Conflict(f"{self._name} was changed without its lock", fix="report this")
        record = self._shared.signed(record)
        self._tried = record.id
        self._shared.write(record, self._lock)
        self._found = record

    def _bring_down(self, record: Record) -> None:
        """Make the copy here what lies there, and tell our ledger what that changes."""
        before, known = self._copy(), self._synced() is not None
        if not record.sealed:
            if known or self.path.exists():
                super().delete()
                self._telling.logged_out(record)
        else:
            opened = self._shared.opened(record, self._keychain.fresh())
            # In this order a token seems older by the time the answer took, never younger.
            now, theirs = instant(self._clock), self._shared.now_ns()
            login, health = inward(opened, now, theirs), health_inward(record.health, now, theirs)
            if not known and self.path.exists():
                kept = super().set_aside()
                self._telling.taken_over(record, f"{kept.parent.name}/{kept.name}")
            super().write(login)
            self._telling.brought(record, before, login, health, is_ours=self._shared.is_from_here(record))
            told = health.broken and msgspec.structs.replace(health.broken, recorded=True)
            super().note(msgspec.structs.replace(health, broken=told))
        self._mark(record)

    def _copy(self) -> Login:
        try:
            return super().read()
        except (Corrupt, Misconfigured):
            return Login()

    def _move_up(self) -> None:
        """Put what is stored here into the commons, where nothing is yet."""
        if not self.path.exists():
            return
        login, synced = super().read_anew(), self._synced()
        if synced is not None and self._needs_others(login):
            # Another machine may have gone on since: what is here may be used up.
            raise Gone(
                f"the login {self._name} is gone from {self._machines.where}: it was there before, and nobody knows "
                "whether the copy here is the latest",
                fix=f"restore what was there; or steersman auth login {self._name}",
            )
        self._up(login, super().health())
        self._mark()
        if synced is None:
            assert self._found is not None  # noqa: S101 - just written
            self._telling.moved_up(self._found)

    def _settle(self) -> None:
        """Bring there what a provider gave while the commons could not be reached."""
        try:
            unsent = msgspec.json.decode(self._unsent_path.read_bytes(), type=Unsent)
        except FileNotFoundError:
            return
        at = self._found.id if self._found is not None else ""
        if at == unsent.base:
            place = str(self._unsent_path)
            login = sealing.unseal(unsent.sealed, self._name, self._keychain.fresh(), place=place)
            self.write(login)
            self._telling.arrived_late(login)
        elif at != unsent.id:
            self._telling.dropped(self._found)
        self._unsent_path.unlink(missing_ok=True)

    def _hold_back(self, login: Login, base: str) -> None:
        sealed = sealing.seal(login, self._name, self._keychain.ring())
        held = Unsent(base=base, id=self._tried, sealed=sealed)
        files.write(self._unsent_path, msgspec.json.encode(held))

    def _retaken(self, base: str) -> bool:
        """Take a lock that was lost once more; say whether nobody changed anything meanwhile."""
        lock = self._shared.lock(_RETAKE_S)
        if lock is None:
            return False
        if self._lock is not None:
            self._lock.release()
        self._lock, self._found = lock, self._shared.read()
        return (self._found.id if self._found is not None else "") == base

    # -- the marks of a copy -------------------------------------------------------------------------------------

    def _is_other(self, record: Record) -> bool:
        synced = self._synced()
        return synced is None or synced.id != record.id

    def _synced(self) -> Synced | None:
        try:
            return msgspec.json.decode(self._synced_path.read_bytes(), type=Synced)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def _mark(self, record: Record | None = None) -> None:
        """Write down what the copy is a copy of; after everything else, so that what was cut short is done again."""
        record = record or self._found
        if record is not None:
            files.write(self._synced_path, msgspec.json.encode(Synced(id=record.id)), durable=False)
            self._stamp()

    def _stamp(self) -> None:
        """Let the other processes of this machine know when somebody last looked."""
        at = self._clock.now_ns()
        with suppress(FileNotFoundError):
            os.utime(self._synced_path, ns=(at, at))
