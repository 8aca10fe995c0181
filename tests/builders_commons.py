"""Machines that do as they are told: processes of their own on commons that others use. Run as a program it is one."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from steersman.bootstrap.plugins import factory, setting_type
from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import SteersmanError
from steersman.kernel.toml_file import TomlFile
from steersman.services.commons import Commons, Lock
from steersman.services.commons.settings import read


def shared_toml(kind: str, url: str, *, lease: str = "1s", more: str = "") -> str:
    """A `[shared]` table; `more` are further lines of it."""
    return f'[shared]\nkind = "{kind}"\nurl = "{url}"\nnamespace = "desk"\nlease = "{lease}"\n{more}\n'


def open_from(toml: str, root: Path) -> Commons:
    """Return the commons that a steersman.toml names."""
    settings = read(TomlFile(toml, name="steersman.toml"), root, lambda kind: setting_type("commons", kind))
    assert settings is not None
    commons: Commons = factory("commons", settings.kind)(settings, root=root, clock=SystemClock())
    return commons


class Machine:
    """A process with its own connection."""

    def __init__(self, toml: str) -> None:
        command = [sys.executable, "-m", "tests.builders_commons", toml]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, *words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def ask(self, *words: str) -> Any:
        self.tell(*words)
        return self.answer()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextlib.contextmanager
def machines(toml: str, count: int) -> Iterator[list[Machine]]:
    """Yield so many processes."""
    started = [Machine(toml) for _ in range(count)]
    try:
        yield started
    finally:
        for machine in started:
            if machine.process.returncode is None:
                machine.kill()


def _obey(commons: Commons, held: dict[str, Lock], verb: str, name: str, *more: str) -> object:
    if verb == "lock":
        lock = commons.lock(name, wait_s=float(more[0]))
        if lock is not None:
            held[name] = lock
        return lock is not None
    if verb == "write":
        commons.write(name, more[0].encode(), under=held[name])
        return True
    if verb == "count":
        for _ in range(int(more[0])):
            with commons.lock(name, wait_s=60) or contextlib.nullcontext() as lock:
                assert lock is not None
                commons.write(name, str(int(commons.read(name) or b"0") + 1).encode(), under=lock)
        return True
    assert verb == "held"
    return held[name].is_held


def _be_machine(toml: str) -> None:
    commons, held = open_from(toml, Path()), dict[str, Lock]()
    for line in sys.stdin:
        try:
            answer = _obey(commons, held, *json.loads(line))
        except SteersmanError as exc:
            answer = type(exc).__name__
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _be_machine(sys.argv[1])
