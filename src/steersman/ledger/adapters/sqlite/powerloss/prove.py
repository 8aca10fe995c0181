"""Cut the power many times and look at what is left, on a good disk and under two controls that must fail.

A proof that cannot fail proves nothing: with `synchronous=OFF`, and on a disk that lies about its syncs, acknowledged
events must get lost, although there the cache is kind and writes by itself whatever is a little older.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal, TypedDict
from uuid import UUID

import apsw

from steersman.kernel.clock import FakeClock, SystemClock
from steersman.kernel.errors import SteersmanError
from steersman.ledger.adapters.sqlite.ledger import create
from steersman.ledger.adapters.sqlite.powerloss.disk import Platter
from steersman.ledger.adapters.sqlite.powerloss.workload import LEDGER, Recording, an_event, record
from steersman.ledger.ports import Ledger

_PER_RECORDING: Final = 50
_KIND_CACHE: Final = 200
Outcome = Literal["ok", "lost", "corrupt"]


class ModeReport(TypedDict):
    """Images looked at; of these, how many miss something acknowledged, and how many are not a sound ledger."""

    images: int
    lost: int
    corrupt: int


class CrashReport(TypedDict):
    """`ok`: the real settings lost and damaged nothing, and both controls failed as they must."""

    full: ModeReport
    off: ModeReport
    lying_disk: ModeReport
    ok: bool
    seconds: float


def prove(images: int, *, seed: int, on_progress: Callable[[str], None]) -> CrashReport:
    """Cut the power `images` times in each of three ways; the same seed makes the same cuts.

    Args:
        images: power cuts per mode, >= 1.
        seed: decides workloads, cuts and what of the unsynced writes is left.
        on_progress: told after each recording, in words.
    """
    clock = SystemClock()
    began = clock.elapsed_ns()
    full, off, lying = _nothing(), _nothing(), _nothing()
    with tempfile.TemporaryDirectory(prefix="steersman-crash-", dir=_memory()) as scratch:
        for number, count in enumerate(_portions(images)):
            folder = Path(scratch) / str(number)
            safe = record(_made(folder / "full"), random.Random(f"{seed}/{number}/full"), synchronous="FULL")
            unsafe = record(_made(folder / "off"), random.Random(f"{seed}/{number}/off"), synchronous="OFF")
            rng = random.Random(f"{seed}/{number}/cuts")
            cut(safe, Platter(), count, rng, _made(folder / "a"), full)
            cut(unsafe, Platter(written_back_after=_KIND_CACHE), count, rng, _made(folder / "b"), off)
            cut(safe, Platter(lies=True, written_back_after=_KIND_CACHE), count, rng, _made(folder / "c"), lying)
            on_progress(f"{full['images']} of {images} power cuts per mode")
    return CrashReport(
        full=full,
        off=off,
        lying_disk=lying,
        ok=not _failures(full) and _failures(off) > 0 and _failures(lying) > 0,
        seconds=round((clock.elapsed_ns() - began) / 1e9, 2),
    )


def cut(
    recording: Recording, platter: Platter, count: int, rng: random.Random, folder: Path, report: ModeReport
) -> None:
    """Cut the power at `count` random points of one recording and count what is found in `report`."""
    points = sorted(rng.randint(0, len(recording.ops)) for _ in range(count))
    taken = 0
    for number, point in enumerate(points):
        for op in recording.ops[taken:point]:
            platter.take(op)
        taken = point
        image = _made(folder / str(number))
        for name, content in platter.image(rng).items():
            (image / name).write_bytes(content)
        outcome = examine(image, recording, point)
        report["images"] += 1
        report["lost"] += outcome == "lost"
        report["corrupt"] += outcome == "corrupt"
        for path in image.iterdir():
            path.unlink()


def examine(image: Path, recording: Recording, point: int) -> Outcome:
    """Start the ledger on what the power cut after `point` operations left, and say what became of it.

    `corrupt` is a file SQLite or the chain finds fault with, or a ledger that cannot go on; `lost` is a sound ledger
    without an event that was acknowledged before the cut.
    """
    try:
        ledger = create(image / LEDGER, clock=FakeClock(), synchronous="OFF")
        try:
            return _examine(ledger, image / LEDGER, recording, point)
        finally:
            ledger.close()
    except (apsw.Error, SteersmanError):
        return "corrupt"


def _examine(ledger: Ledger, path: Path, recording: Recording, point: int) -> Outcome:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        if connection.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
            return "corrupt"
        stored = {pos: UUID(bytes=id_) for pos, id_ in connection.execute("SELECT pos, id FROM events")}
    finally:
        connection.close()
    if not ledger.verify().ok or not _is_history(stored, recording):
        return "corrupt"
    due = [a for a in recording.acknowledged if a.after_ops <= point]
    if any(stored.get(pos) != id_ for a in due for pos, id_ in zip(a.positions, a.ids, strict=True)):
        return "lost"
    return "ok" if _goes_on(ledger, len(stored)) else "corrupt"


def _is_history(stored: dict[int, UUID], recording: Recording) -> bool:
    """Say whether `stored` is a beginning of what was appended, with nothing else in it."""
    sent = {pos: id_ for a in recording.acknowledged for pos, id_ in zip(a.positions, a.ids, strict=True)}
    return all(sent.get(pos) == id_ for pos, id_ in stored.items())


def _goes_on(ledger: Ledger, count: int) -> bool:
    """Append once more: a ledger that can only be read has not survived."""
    event = an_event(random.Random(count))
    first, again = ledger.append([event]), ledger.append([event])
    sound = ledger.verify(after=count).ok
    return sound and first.positions == again.positions == (count + 1,) and again.repeated == 1


def _failures(report: ModeReport) -> int:
    return report["lost"] + report["corrupt"]


def _nothing() -> ModeReport:
    return ModeReport(images=0, lost=0, corrupt=0)


def _portions(images: int) -> Sequence[int]:
    """Spread the cuts over several recordings."""
    whole, rest = divmod(images, _PER_RECORDING)
    return [_PER_RECORDING] * whole + [rest] * (rest > 0)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _memory() -> str | None:
    """Return a folder in memory if the system has one: the simulated disk needs no real one."""
    shm = Path("/dev/shm")  # noqa: S108 - a fresh private folder is made inside
    return str(shm) if shm.is_dir() else None
