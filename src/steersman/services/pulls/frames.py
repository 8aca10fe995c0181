"""Where the data lies: immutable files in memory within a budget, else in the workspace; the least used go first."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from collections.abc import Sequence
from functools import cache
from itertools import count
from pathlib import Path
from typing import Final

import msgspec

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Unavailable
from steersman.services.disk import remove
from steersman.services.pulls.locks import Locks
from steersman.services.pulls.model import CacheSettings
from steersman.services.pulls.records import Record, Stamp

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own inside, mode 0700, its owner checked
_GRACE_NS: Final = 30 * 1_000_000_000
_LOCK_WAIT_S: Final = 30.0
_NEEDED_BYTES: Final = 1 << 20
_OWNER: Final = ".workspace"
_numbers = count()


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A file of data: when it was last handed out (ns), and whether newer data has taken its place."""

    path: Path
    size: int
    used_at: int
    superseded: bool


def to_evict(files: Sequence[Stored], need: int, budget: int, now_ns: int) -> list[Path] | None:
    """Return what must go so that `need` bytes fit, superseded and least recently used first; None if they cannot.

    What was handed out within the last 30 s stays: its reader may not have opened it yet.
    """
    total, gone = sum(f.size for f in files) + need, []
    for file in sorted(files, key=lambda f: (not f.superseded, f.used_at)):
        if total <= budget:
            break
        if file.used_at <= now_ns - _GRACE_NS:
            gone.append(file.path)
            total -= file.size
    return gone if total <= budget else None


class Frames:
    """The files of one workspace, in two folders: memory (where there is some) and disk."""

    def __init__(
        self, state: Path, cache_settings: CacheSettings, locks: Locks, clock: Clock, *, memory: Path | None = MEMORY
    ) -> None:
        """`state` is the workspace's folder for services; `memory` None: never use any."""
        self._clock, self._locks, self._cache = clock, locks, cache_settings
        self._disk = state / "frames"
        digest = hashlib.sha256(str(state.resolve()).encode()).hexdigest()[:12]
        self.problem = "memory is not used"
        self._memory: Path | None = None
        if memory is not None:
            folder = memory / f"steersman-{os.getuid()}-{digest}"
            self.problem = _prepared(folder, state)
            self._memory = None if self.problem else folder

    @property
    def folder(self) -> Path:
        """Where the next file goes if there is room."""
        return self._memory or self._disk

    def temporary(self, *, room: int) -> Path:
        """Return a name for a file in the making; one whose process died is swept away later.

        It lies on disk if memory has not twice the `room` (bytes) left that it may need.
        """
        folder = self.folder
        if folder == self._memory and shutil.disk_usage(folder).free < 2 * room:
            folder = self._disk
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f".tmp-{os.getpid()}-{next(_numbers)}"
        remove(path)  # of an earlier process with our number
        return path

    def place(self, made: Path, name: str) -> Path:
        """Move the finished file `made` to its place under `name`, and return where that is.

        Raises:
            Unavailable: neither memory nor disk has room.
        """
        size = made.stat().st_size
        with self._alone():
            self._sweep()
            for folder, budget in self._places():
                files = self._files(folder)
                # A file of the same name holds the same bytes and will be replaced: it does not count twice.
                others = [f for f in files if f.path != folder / name]
                evict = to_evict(others, size, budget, self._clock.now_ns())
                if evict is None:
                    continue
                for path in evict:
                    self._remove(path)
                with contextlib.suppress(OSError):  # the next place, if this one is full after all
                    return self._put(made, folder / name)
        raise Unavailable(
            f"no room for {size:,} bytes of data, neither in memory nor on disk",
            fix="free some, or raise budget and disk_budget in [cache]",
        )

    def used(self, path: str) -> None:
        """Note that a file was just handed out."""
        now = self._clock.now_ns()
        with contextlib.suppress(OSError):
            os.utime(f"{path}.used", ns=(now, now))

    def superseded(self, path: str) -> None:
        """Note that newer data took the place of this file: it goes as soon as nobody can be about to open it."""
        with contextlib.suppress(OSError):
            Path(f"{path}.used").rename(f"{path}.gone")

    def _alone(self) -> contextlib.AbstractContextManager[object]:
        held = self._locks.take("frames", wait_s=_LOCK_WAIT_S)
        if held is None:
            raise Unavailable(f"the folder of data stayed locked for {_LOCK_WAIT_S:g} s", fix="try again")
        return held

    def _places(self) -> list[tuple[Path, int]]:
        places = [(self._disk, self._cache.disk_budget_bytes)]
        if self._memory is not None:
            own = sum(f.size for f in self._files(self._memory))
            # Half of what is free, counting what we take already: the rest belongs to the programs that read.
            half = (shutil.disk_usage(self._memory).free + own) // 2
            places.insert(0, (self._memory, min(self._cache.budget_bytes, half)))
        return places

    def _put(self, made: Path, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if made.stat().st_dev != path.parent.stat().st_dev:
            copy = path.with_name(f".tmp-{os.getpid()}-{next(_numbers)}")
            shutil.copyfile(made, copy)
            with copy.open("rb") as file:
                os.fsync(file.fileno())
            made.unlink()
            made = copy
        made.chmod(0o400)
        Path(f"{path}.gone").unlink(missing_ok=True)
        Path(f"{path}.used").touch(mode=0o600)
        self.used(str(path))
        return made.replace(path)

    def _files(self, folder: Path) -> list[Stored]:
        found = []
        for path in folder.glob("[!.]*"):
            if path.suffix in (".used", ".gone"):
                continue
            with contextlib.suppress(FileNotFoundError):
                gone = Path(f"{path}.gone")
                mark = gone if gone.exists() else Path(f"{path}.used")
                used = mark.stat().st_mtime_ns if mark.exists() else path.stat().st_mtime_ns
                found.append(Stored(path=path, size=path.stat().st_size, used_at=used, superseded=mark == gone))
        return found

    def _sweep(self) -> None:
        """Remove what was replaced a while ago, and what processes that died left half made."""
        for folder in filter(None, (self._memory, self._disk)):
            for file in self._files(folder):
                if file.superseded and file.used_at <= self._clock.now_ns() - _GRACE_NS:
                    self._remove(file.path)
            for path in folder.glob(".tmp-*"):
                if not _lives(path.name.split("-")[1].partition(".")[0]):
                    remove(path)

    def _remove(self, path: Path) -> None:
        # A reader that has it open or mapped keeps it: the name goes, the pages stay until the last one closes.
        for name in (path, f"{path}.used", f"{path}.gone"):
            Path(name).unlink(missing_ok=True)

    def check(self, record: Record) -> tuple[str, Stamp | None]:
        """Say what is wrong with a record's file ("missing", or how it was altered; empty: nothing), and its stamp.

        The stamp is compared each time; only when it differs (a restored file, a new boot) is the whole file hashed.
        """
        try:
            now = stamp(Path(record.path))
        except OSError:
            return "missing", None
        if now == record.stamp:
            return "", now
        receipt = record.receipt
        if receipt is None or now.size != receipt.size_bytes:
            return f"found {now.size:,} bytes, written were {receipt.size_bytes if receipt else 0:,}", now
        try:
            with Path(record.path).open("rb") as file:
                same = hashlib.file_digest(file, "sha256").hexdigest() == receipt.content_hash
        except OSError:
            return "missing", None
        return ("" if same else "its bytes are not those that were checked"), now


def stamp(path: Path) -> Stamp:
    """Return the stamp of a file."""
    found = path.stat()
    return Stamp(
        size=found.st_size,
        modified_ns=found.st_mtime_ns,
        changed_ns=found.st_ctime_ns,
        inode=found.st_ino,
        boot=_boot_id(),
    )


@cache
def _boot_id() -> str:
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return "unknown"


def _clear_abandoned(memory: Path) -> None:
    """Give back the memory of workspaces that are gone: nobody else ever would, before the next boot."""
    for folder in memory.glob(f"steersman-{os.getuid()}-*"):
        # Without the name of its workspace it is just being made, or not ours.
        with contextlib.suppress(OSError):
            found = folder.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
                owner = Path((folder / _OWNER).read_text(encoding="utf-8"))
                if not owner.exists():
                    shutil.rmtree(folder)


def _lives(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True


def _prepared(folder: Path, state: Path) -> str:
    """Make our folder in memory; say why it cannot be used, empty if it can."""
    try:
        # Before the folder says whose it is: whoever clears up must find the workspace there.
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            _clear_abandoned(folder.parent)
        found = folder.lstat()
        # Everybody may make files there: a folder (or a link) of somebody else's under our name is not ours to trust.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            return f"{folder} is not a folder of our own (mode 0700)"
        _say_whose(folder, state)
        free = shutil.disk_usage(folder).free
    except OSError as exc:
        return f"{folder.parent} cannot be used: {exc.strerror}"
    return "" if free >= _NEEDED_BYTES else f"{folder.parent} has only {free:,} bytes left"


def _say_whose(folder: Path, state: Path) -> None:
    """Write down which workspace the folder belongs to, whole or not at all: others remove it once that is gone."""
    owner = folder / _OWNER
    if not owner.exists():
        fresh = folder / f".tmp-{os.getpid()}-{next(_numbers)}"
        fresh.write_text(str(state.resolve()), encoding="utf-8")
        fresh.replace(owner)
