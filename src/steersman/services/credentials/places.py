"""Where the keys are: the environment, the operating system's keyring, or a file only its owner can read.

The place is chosen once, when the first key is made, and written down: a session with a keyring and a cron job without
one must not end up with two keys.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, Protocol

import msgspec

from steersman.kernel.errors import Corrupt, Misconfigured, Unavailable
from steersman.services.credentials import files
from steersman.services.credentials.keys import KEY_BYTES, Ring, decode, new_ring

PlaceKind = Literal["environment", "keyring", "file"]
VARIABLE: Final = "STEERSMAN_KEY"
_SERVICE: Final = "steersman"
_LEAST_PRIORITY: Final = 1.0
_NO_KEEPERS: Final = ("keyring.backends.fail", "keyring.backends.null", "keyrings.alt", "keyring.backends.chainer")
_LARGEST_BYTES: Final = 65_536
ENVIRONMENT_FIX: Final = (
    f"{VARIABLE} holds base64 of {KEY_BYTES} random bytes: head -c {KEY_BYTES} /dev/urandom | base64"
)


class Backend(Protocol):
    """A keyring of the operating system, as the package `keyring` sees it."""

    def get_password(self, service: str, username: str) -> str | None: ...
    def set_password(self, service: str, username: str, password: str) -> None: ...
    def delete_password(self, service: str, username: str) -> None: ...


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What is written down: the place, and under which name a keyring knows the keys."""

    place: PlaceKind
    name: str


class KeyPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where the keys are, for people: `warning` says what could be better."""

    place: PlaceKind
    detail: str
    chosen: bool
    warning: str = ""


class Places:
    """Reads and writes the ring where it was decided to be."""

    def __init__(self, state: Path, *, environ: Mapping[str, str] = os.environ, backend: Backend | None = None) -> None:
        """`backend` stands in for the operating system's keyring."""
        self._state = state
        self._environ = environ
        self._given = backend

    @property
    def file(self) -> Path:
        """Where the keys are, if they are in a file."""
        return self._state / "keys"

    def chosen(self) -> Chosen | None:
        """Return the place that was written down, None before the first key.

        Raises:
            Corrupt: what was written is damaged.
        """
        path = self._state / "key-place.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=Chosen)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError:
            raise Corrupt(
                f"{path} is damaged: where the keys are is not known", fix=f"restore {path.name} from a copy"
            ) from None

    def mark(self) -> tuple[int, int, int] | None:
        """Return what changes with every rotation (its last step writes the place down anew); None before a key."""
        try:
            found = (self._state / "key-place.json").stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def choose(self, place: PlaceKind | None = None) -> Chosen:
        """Return where keys shall be: as asked, else the environment if it has one, else a keyring, else a file."""
        if place is None:
            place = "environment" if self._environ.get(VARIABLE) else "keyring" if self.backend() else "file"
        return Chosen(place=place, name=secrets.token_hex(8))

    def remember(self, chosen: Chosen) -> None:
        """Write down where the keys are, durably."""
        files.write(files.private_folder(self._state) / "key-place.json", msgspec.json.encode(chosen))

    def load(self, chosen: Chosen) -> Ring | None:
        """Return the ring at a place, None if there never was one.

        Raises:
            Misconfigured: it is not readable, not private, or no key.
            Unavailable: the keyring does not answer in this session.
        """
        if chosen.place == "environment":
            text = self._environ.get(VARIABLE)
            return decode(text, place=VARIABLE, fix=ENVIRONMENT_FIX) if text else None
        if chosen.place == "keyring":
            with _answering():
                text = self._asked().get_password(_SERVICE, chosen.name)
            return decode(text, place="the OS keyring", fix="restore the entry `steersman`") if text else None
        return self._from_file()

    def save(self, chosen: Chosen, ring: Ring) -> None:
        """Put a ring at a place, durably.

        Raises:
            Misconfigured: the environment cannot be written; says what to put there.
            Unavailable: the keyring does not answer.
        """
        if chosen.place == "environment":
            present = self.load(chosen)
            if present is None or present.current.id != ring.current.id:
                raise Misconfigured(f"{VARIABLE} does not hold the key to use", fix=ENVIRONMENT_FIX)
        elif chosen.place == "keyring":
            with _answering():
                self._asked().set_password(_SERVICE, chosen.name, ring.encode())
        else:
            files.write(files.private_folder(self._state) / "keys", ring.encode().encode())

    def forget(self, chosen: Chosen) -> None:
        """Remove the ring from a place it was moved away from."""
        if chosen.place == "keyring":
            with _answering():
                self._asked().delete_password(_SERVICE, chosen.name)
        elif chosen.place == "file":
            self.file.unlink(missing_ok=True)

    def candidate(self, chosen: Chosen, old: Ring | None) -> Ring:
        """Return the ring to go over to: a new key in front, or what the environment says.

        Raises:
            Misconfigured: the environment has no new key in front.
        """
        if chosen.place != "environment":
            return new_ring(old)
        found = self.load(chosen)
        if found is None:
            raise Misconfigured(f"{VARIABLE} is not set", fix=ENVIRONMENT_FIX)
        if old is not None and len(found.keys) == 1 and found.current.id == old.current.id:
            raise Misconfigured(
                f"{VARIABLE} holds no new key", fix=f'export {VARIABLE}="NEW,OLD", both base64, and rotate again'
            )
        return found

    def backend(self) -> Backend | None:
        """Return the operating system's keyring, None if it has none that keeps secrets."""
        if self._given is not None:
            return self._given
        import keyring  # start-up time: only who looks for a place needs it

        found = keyring.get_keyring()
        several = getattr(found, "backends", None)
        for each in several if several is not None else (found,):
            keeps = not type(each).__module__.startswith(_NO_KEEPERS)
            if keeps and float(each.priority) >= _LEAST_PRIORITY:
                backend: Backend = each
                return backend
        return None

    def describe(self) -> KeyPlace:
        """Return where the keys are, or would be made; asks no keyring for anything secret."""
        found = self.chosen()
        chosen = found or self.choose()
        details = {
            "environment": VARIABLE,
            "keyring": "the OS keyring",
            "file": f"the file {Path(*self.file.parts[-3:])}",
        }
        warning = ""
        if chosen.place == "file":
            warning = "whoever can read that folder can read logins; see `steersman auth rotate --to`"
        if chosen.place != "environment" and self._environ.get(VARIABLE):
            warning = f"{VARIABLE} is not used: see `steersman auth rotate --to environment`"
        return KeyPlace(place=chosen.place, detail=details[chosen.place], chosen=found is not None, warning=warning)

    def _asked(self) -> Backend:
        found = self.backend()
        if found is None:
            raise Unavailable(
                "the keys are in the OS keyring, which does not answer in this session",
                fix="unlock it, or run `steersman auth rotate --to file` where it answers",
            )
        return found

    def _from_file(self) -> Ring | None:
        try:
            handle = os.open(self.file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise Misconfigured(f"{self.file} cannot be read: {exc.strerror}", fix="check its permissions") from exc
        try:
            # The opened file is asked, not its name: nobody can swap it in between.
            mode = os.fstat(handle).st_mode
            if mode & 0o077:
                raise Misconfigured(
                    f"{self.file} is open to others than its owner (mode {stat.S_IMODE(mode):04o}, allowed: 0600)",
                    fix=f"chmod 600 {self.file}, and `steersman auth rotate`: others may have read the key",
                )
            text = os.read(handle, _LARGEST_BYTES).decode("ascii", errors="replace")
        finally:
            os.close(handle)
        return decode(text, place=str(self.file), fix="restore it from a copy, or log in again everywhere")


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    """Turn what a keyring raises into what our callers know."""
    from keyring.errors import KeyringError  # as in `backend`

    try:
        yield
    except KeyringError as exc:
        raise Unavailable(
            f"the OS keyring does not answer ({type(exc).__name__})", fix="unlock it and try again"
        ) from exc
