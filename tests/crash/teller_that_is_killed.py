"""Tells a target until point N of its work, then dies as kill -9 does; run with lines `ROOT POINT` on its input.

Points lie before each durable write (the file's content, its rename, the ledger), which is after the one before it, and
before and after each delivery.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.builders_notices import failed, succeeded

from steersman.bootstrap.notice_rules import RULES
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Unavailable
from steersman.ledger.adapters.sqlite import create as sqlite_ledger
from steersman.services.notices import Message, Reader
from steersman.services.notices.memory import StateFile
from steersman.services.notices.storm import Limits
from steersman.services.notices.teller import Teller

NOON = 1_764_504_000 * 10**9
JOBS = 3


class FileTarget:
    """Delivers into a file; the third delivery of a life fails once, so that trying again is part of what is killed."""

    def __init__(self, path: Path, step: Callable[[], None]) -> None:
        self._path = path
        self._step = step
        self._tries = 0

    def send(self, message: Message) -> str:
        self._step()
        self._tries += 1
        if self._tries == 3:
            raise Unavailable("down for a moment")
        with self._path.open("a") as file:
            file.write(f"{message.id} {message.first}\n")
        self._step()
        return "written"


def life(root: Path, point: int) -> None:
    """Tell everything there is; die at `point`, if there are as many."""
    left = [point]

    def step() -> None:
        left[0] -= 1
        if left[0] == 0:
            os._exit(9)

    def stepped(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **options: Any) -> Any:
            step()
            return call(*args, **options)

        return wrapped

    clock = FakeClock(NOON)
    ledger = sqlite_ledger(root / "ledger.db", clock=clock)
    ledger.append = stepped(ledger.append)  # type: ignore[method-assign]
    ledger.append_soon = stepped(ledger.append_soon)  # type: ignore[method-assign]
    Path.replace = stepped(Path.replace)  # type: ignore[method-assign]
    # A process is killed, no power is cut: the kernel keeps what was written, and waiting for the disk proves nothing.
    os.fsync = lambda fd: step()
    teller = Teller(
        name="phone",
        notifier=FileTarget(root / "told", step),
        reader=Reader(RULES),
        limits=Limits(target="phone"),
        ledger=ledger,
        clock=clock,
        file=StateFile(root / "notices" / "phone.json"),
        chance=lambda: 0.5,
    )
    for _ in range(3):
        teller.tick()
        clock.advance(20)
    teller.close()
    ledger.close()
    os._exit(0)


def prepare(root: Path) -> None:
    """Make a ledger with a target that has begun, then things to tell: jobs that fail, one that is well again."""
    clock = FakeClock(NOON)
    ledger = sqlite_ledger(root / "ledger.db", clock=clock)
    teller = Teller(
        name="phone",
        notifier=FileTarget(root / "told", lambda: None),
        reader=Reader(RULES),
        limits=Limits(target="phone"),
        ledger=ledger,
        clock=clock,
        file=StateFile(root / "notices" / "phone.json"),
    )
    teller.close()
    for n in range(JOBS):
        failed(ledger, f"job{n}")
    succeeded(ledger, "job0")
    ledger.close()


def _in_a_child(call: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        try:
            call()
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    for line in sys.stdin:
        root, point = Path(line.split()[0]), int(line.split()[1])
        prepared = root.parent / "prepared"
        if not prepared.exists():
            prepared.mkdir(parents=True)
            prepare(prepared)
        shutil.copytree(prepared, root)
        code = _in_a_child(lambda root=root, point=point: life(root, point))  # type: ignore[misc]
        after = _in_a_child(lambda root=root: life(root, 0))  # type: ignore[misc]
        said = {9: "killed", 0: "passed"}.get(code, f"broke with {code}")
        print(said if after == 0 else f"the next life broke with {after}", flush=True)


if __name__ == "__main__":
    main()
