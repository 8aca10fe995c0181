"""Where logins lie: one sealed file for each, replaced whole, and beside it what may be known without a key."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Corrupt, Misconfigured, Unavailable
from steersman.services.credentials import files, sealing
from steersman.services.credentials.keychain import Keychain
from steersman.services.credentials.keys import Ring
from steersman.services.credentials.lock import held
from steersman.services.credentials.provider import Login

_MOST_ASIDE: Final = 10


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """A login that only a person can mend; holds until what it depends on has another `fingerprint`.

    `since` is ns since 1970 UTC; `recorded` says whether the ledger holds it.
    """

    error: str
    message: str
    fix: str
    fingerprint: str
    since: int
    recorded: bool = False


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How a login is doing, without anything secret; shared by all processes.

    Attributes:
        failures: in a row; `retry_at`, `retry_elapsed_ns`, `boot`: when to ask again, on both clocks.
        refusals: tokens in a row that the provider's API refused before they were over.
    """

    failures: int = 0
    problem: str = ""
    retry_at: int = 0
    retry_elapsed_ns: int = 0
    boot: str = ""
    refusals: int = 0
    broken: Broken | None = None
    token_id: str = ""
    expires_at: int | None = None
    refreshed_at: int | None = None
    note: str = ""


class KeyElsewhere(Misconfigured):
    """A login that machines share is sealed with a key that another of them has and this one has not."""


class Gone(Unavailable):
    """A login that machines share is not where they share it any more, and a copy may be older than what was there."""


class Damaged(Corrupt):
    """What lies where machines share it is no login any more; `raw` is what it is. A copy may still be good."""

    def __init__(self, message: str, *, fix: str, raw: bytes) -> None:
        super().__init__(message, fix=fix)
        self.raw = raw


class Store:
    """The stored side of one login. Reading is cheap: the file is opened only after it was replaced."""

    def __init__(self, state: Path, name: str, keychain: Keychain, clock: Clock) -> None:
        self._folder = state / "logins"
        self._name = name
        self._keychain = keychain
        self._clock = clock
        self._mutex = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._login = Login()
        self.quarantine = state / "quarantine"
        # Beside a copy of what machines share: of which record it is one.
        self._synced_path = self._folder / f"{name}.synced"

    @property
    def path(self) -> Path:
        """The sealed file."""
        return self._folder / f"{self._name}.sealed"

    @property
    def lock_path(self) -> Path:
        """What is locked while anything here changes."""
        return files.private_folder(self._folder) / f"{self._name}.lock"

    @contextmanager
    def turn_here(self, timeout_s: float) -> Iterator[None]:
        """Hold this machine's lock of the login meanwhile.

        Raises:
            Unavailable: another process has had it for `timeout_s` seconds.
        """
        with held(self.lock_path, clock=self._clock, timeout_s=timeout_s):
            yield

    @contextmanager
    def turn(self, timeout_s: float, *, alone: bool = False) -> Iterator[None]:
        """Hold the login's lock meanwhile: nobody else changes anything here, or asks the provider.

        Args:
            alone: whether this machine may go on by itself while it cannot reach the others.

        Raises:
            Unavailable: somebody else has had it for `timeout_s` seconds.
        """
        with self.turn_here(timeout_s):
            yield

    def read_anew(self) -> Login:
        """Return the login as it is on disk. Call with the lock held, before anything is decided that uses it up.

        Raises:
            As `read`.
        """
        with self._mutex:
            # Marks of files are as coarse as the kernel's tick: two writes within one may look alike.
            self._seen = None
        return self.read()

    def read(self) -> Login:
        """Return the login, from memory if its file was not replaced since; an empty one if nothing is stored.

        Raises:
            Corrupt: the file is damaged.
            Misconfigured: its key is not at hand.
            Unavailable: the keyring does not answer.
        """
        with self._mutex:
            try:
                found = self.path.stat()
                mark = (found.st_ino, found.st_mtime_ns, found.st_size)
                if mark != self._seen:
                    self._login = self._open()
                    self._seen = mark
            except FileNotFoundError:
                # Never there, or just logged out.
                self._seen, self._login = None, Login()
            return self._login

    def write(self, login: Login) -> None:
        """Seal and store a login; when this returns, it survives a power cut. Call with the lock held."""
        raw = sealing.seal(login, self._name, self._keychain.fresh())
        files.private_folder(self._folder)
        files.write(self.path, raw)
        with self._mutex:
            self._seen = None

    def keep(self, login: Login) -> None:
        """Store what a provider just gave; as `write`, and what cannot be stored where it belongs is not lost."""
        self.write(login)

    def check_may_spend(self) -> None:
        """Return if what is stored may be sent to the provider and be used up. Call with the lock held.

        Raises:
            Unavailable: somebody else has sent it, and what came of it may still be told.
            Misconfigured: this is a copy of what machines share, and this machine does not share any more.
        """
        if self._synced_path.exists():
            raise Misconfigured(
                f"the login {self._name} here is a copy of one that machines share, and steersman.toml does not share "
                "it any more: two that use it apart lose it",
                fix=f"share it again, or make a login of its own: steersman auth login {self._name}",
            )

    def become_own(self) -> None:
        """Take note that what is stored next is this machine's login and no copy. Call with the lock held."""
        self._synced_path.unlink(missing_ok=True)

    @property
    def is_unsettled(self) -> bool:
        """Whether something here must be put in order before it is leased from."""
        return False

    def look(self) -> None:
        """Take over what was changed elsewhere, if that can be found out at once.

        Raises:
            Misconfigured: what lies there cannot be used here; says why.
            Corrupt: it is damaged.
        """

    def look_soon(self) -> None:
        """As `look`, behind whoever asks, and not at every call."""

    def close(self) -> None:
        """Wait a moment for a look that is under way."""

    def reseal(self, ring: Ring) -> bool:
        """Seal what is stored under the ring's current key; whether there was anything to do. Call with the lock held.

        Raises:
            Corrupt: the file is damaged.
            Misconfigured: its key is not in the ring.
        """
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return False
        if sealing.read_header(raw, self._name, place=str(self.path)).key == ring.current.id:
            return False
        login = sealing.unseal(raw, self._name, ring, place=str(self.path))
        files.write(self.path, sealing.seal(login, self._name, ring))
        with self._mutex:
            self._seen = None
        return True

    def delete(self) -> None:
        """Remove the login and what is known about it. Call with the lock held."""
        for path in (self.path, self._health_path, self._synced_path):
            path.unlink(missing_ok=True)
        if self._folder.is_dir():
            files.sync_folder(self._folder)

    def check_key(self) -> None:
        """Find out whether a login could be sealed now.

        Raises:
            Misconfigured: the key is not at hand.
            Unavailable: the keyring does not answer.
        """
        self._keychain.fresh()

    def set_aside(self) -> Path:
        """Move a file that does not open into quarantine and return where it lies. Call with the lock held.

        The latest ten of each login are kept.
        """
        kept = files.private_folder(self.quarantine) / f"{self._name}.{self._clock.now_ns()}.sealed"
        self.path.replace(kept)
        files.sync_folder(self._folder)
        others = [each for each in self.quarantine.glob(f"{self._name}.*.sealed") if each != kept]
        for old in sorted(others)[: 1 - _MOST_ASIDE]:
            old.unlink(missing_ok=True)
        return kept

    def health(self) -> Health:
        """Return how the login is doing; a damaged note of that reads as none, for it can be found out again."""
        try:
            return msgspec.json.decode(self._health_path.read_bytes(), type=Health)
        except (FileNotFoundError, msgspec.DecodeError):
            return Health()

    def note(self, health: Health) -> None:
        """Store how the login is doing. Call with the lock held."""
        files.private_folder(self._folder)
        files.write(self._health_path, msgspec.json.encode(health), durable=False)

    @property
    def _health_path(self) -> Path:
        return self._folder / f"{self._name}.json"

    def _open(self) -> Login:
        raw = self.path.read_bytes()
        try:
            return sealing.unseal(raw, self._name, self._keychain.ring(), place=str(self.path))
        except (Misconfigured, Corrupt):
            # The keys, or the file, may have been changed since they were read.
            return sealing.unseal(self.path.read_bytes(), self._name, self._keychain.fresh(), place=str(self.path))
