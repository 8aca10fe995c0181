"""Watched files: what programs of ours append to them becomes signals. It looks, twice a second; nothing wakes it."""

from __future__ import annotations

import os
import stat
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from steersman.kernel.clock import Clock
from steersman.kernel.errors import SteersmanError
from steersman.ledger import Ledger
from steersman.trading.sources.declared import Declared
from steersman.trading.sources.door import Door
from steersman.trading.sources.growing import Piece, grown, whole
from steersman.trading.sources.problem import NotASignal, unreadable
from steersman.trading.sources.progress import Progress
from steersman.trading.sources.rows import MAX_FILE_BYTES, SUFFIXES
from steersman.trading.sources.settings import WatchedFiles

LOOK_S: Final = 0.5
_SHARE: Final = 10
"""Looking takes at most one part in this many of the time, however many files there are."""
STABLE_S: Final = 1.0
"""How long a Parquet file must look the same before it is read."""
PATIENCE_S: Final = 10.0
"""How long a line without end, or a Parquet file that cannot be read, may be still in the making."""


_STOP_S: Final = 5.0


class Looked(msgspec.Struct, kw_only=True):
    """What one pass found; `more`: there is more to read at once."""

    accepted: int = 0
    repeated: int = 0
    refused: int = 0
    more: bool = False


class _Stopped(Exception):
    """The desk stops; what was not finished is read again."""


class Watcher:
    """Looks at the files of every [signals.NAME]; for one thread."""

    def __init__(
        self,
        *,
        root: Path,
        state: Path,
        watched: Mapping[str, WatchedFiles],
        declared: Declared,
        ledger: Ledger,
        clock: Clock,
    ) -> None:
        """Watch below `root`, and remember in the folder `state`.

        Raises:
            Corrupt: what was remembered cannot be read.
        """
        self._root = root
        self.watched = watched
        self._clock = clock
        self._stop = threading.Event()
        self._progress = {name: Progress(state / f"{name}.json") for name in watched}
        self._doors = {
            name: Door(ledger, declared, clock, source=f"file:{name}", actor=f"file:{name}", strategy=section.strategy)
            for name, section in watched.items()
        }
        self._seen: dict[str, tuple[int, int, int]] = {}
        self._told: set[tuple[str, ...]] = set()

    def look(self) -> Looked:
        """Read what was added since the last pass, a piece of each file that grew.

        Raises:
            Unavailable: the ledger takes nothing; the next pass reads from the same place.
        """
        looked = Looked()
        owners: dict[str, str] = {}
        for name, section in self.watched.items():
            for path in sorted(self._root.glob(section.files)):
                file = os.fsencode(path.relative_to(self._root).as_posix()).decode("utf-8", "replace")
                owner = owners.setdefault(file, name)
                if owner != name:
                    what = f"[signals.{owner}] reads this file too, so [signals.{name}] does not"
                    self._tell(name, looked, _about(file, what, "watch a file in one section"))
                elif not file.startswith(".steersman/"):
                    self._look_at(name, path, file, looked)
        return looked

    def run(self) -> None:
        """Look until `stop`; what goes wrong is said once, and tried again."""
        told, pause_s = "", 0.0
        while not self._stop.wait(pause_s):
            began = self._clock.elapsed_ns()
            more, problem = False, ""
            try:
                more = self.look().more
            except _Stopped:
                return
            except SteersmanError as exc:
                problem = f"desk: watched files wait: {exc}"
            except Exception:  # noqa: BLE001 - the edge of a thread: one bad file must not end the watch
                problem = traceback.format_exc()
            if problem and problem != told:
                print(problem, file=sys.stderr, flush=True)
            told = problem
            took_s = (self._clock.elapsed_ns() - began) / 1e9
            pause_s = 0.0 if more else max(LOOK_S, took_s * _SHARE)

    def stop(self) -> None:
        """Ask `run` to end; safe from any thread."""
        self._stop.set()

    def _look_at(self, name: str, path: Path, file: str, looked: Looked) -> None:
        try:
            found = path.stat()
            before = self._progress[name].of(file)
            if not stat.S_ISREG(found.st_mode) or (found.st_size, found.st_mtime_ns) == (before.size, before.mtime_ns):
                return
            form = SUFFIXES[path.suffix]
            if found.st_size > MAX_FILE_BYTES:
                what = f"{found.st_size:,} bytes, allowed: {MAX_FILE_BYTES:,}; no more of it is read"
                self._tell(name, looked, _about(file, what, "go on in a new file", key="size"))
            elif form != "parquet":
                piece = grown(path, file, "csv" if form == "csv" else "jsonl", before)
                self._take(name, file, piece, found, looked)
            elif self._same_for_s(file, found) >= STABLE_S:
                self._take(name, file, whole(path, file, before), found, looked)
        except FileNotFoundError:
            return  # taken away between two looks; what was read of it stands
        except OSError as exc:
            self._tell(name, looked, _about(file, f"cannot be read: {exc.strerror}", "check its permissions"))

    def _take(self, name: str, file: str, piece: Piece, found: os.stat_result, looked: Looked) -> None:
        """Submit the rows of a piece; then, and only then, remember that it was read."""
        for refusal in piece.told:
            self._tell(name, looked, refusal)
        taken = piece.after.taken
        for answer in self._doors[name].take(piece.rows):
            setattr(looked, answer.status, getattr(looked, answer.status) + 1)
            taken = taken or answer.status != "refused"
            if self._stop.is_set():
                raise _Stopped
        after, ended = msgspec.structs.replace(piece.after, taken=taken), piece.at_end
        if piece.waits is not None:
            ended = self._same_for_s(file, found) >= PATIENCE_S
            if ended:
                self._tell(name, looked, piece.waits)
            elif SUFFIXES[Path(file).suffix] == "parquet":
                return  # it may be half written: read it whole again
        looked.more = looked.more or not piece.at_end
        if ended:
            after = msgspec.structs.replace(after, size=found.st_size, mtime_ns=found.st_mtime_ns)
        if after != self._progress[name].of(file):
            self._progress[name].keep(file, after)

    def _same_for_s(self, file: str, found: os.stat_result) -> float:
        """Return for how many seconds the file has looked as it does now."""
        now = self._clock.elapsed_ns()
        size, mtime_ns, since = self._seen.get(file, (-1, -1, now))
        if (size, mtime_ns) != (found.st_size, found.st_mtime_ns):
            since = now
        self._seen[file] = (found.st_size, found.st_mtime_ns, since)
        return (now - since) / 1e9

    def _tell(self, name: str, looked: Looked, refusal: NotASignal) -> None:
        """Record something about a file, once."""
        if refusal.key not in self._told:
            self._doors[name].refuse(refusal)
            self._told.add(refusal.key)
            looked.refused += 1


def _about(file: str, what: str, fix: str, *, key: str = "") -> NotASignal:
    return unreadable(what, fix=fix, place=file, key=(file, key or what))


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Run `watcher` in a thread while the block runs; with nothing to watch there is no thread."""
    if not watcher.watched:
        yield
        return
    thread = threading.Thread(target=watcher.run, name="watched-files", daemon=True)
    thread.start()
    try:
        yield
    finally:
        watcher.stop()
        thread.join(_STOP_S)  # an append that waits for the core ends when the ledger is closed
