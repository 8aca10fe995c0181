"""The command: its exit code is the answer, and it is ended with everything it started when its time is over."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured, OutcomeUnknown, Unavailable
from steersman.services.notices.adapters.command.settings import CommandSettings
from steersman.services.notices.model import Message
from steersman.services.notices.wire import wire

_HIDDEN: Final = ("STEERSMAN_KEY",)


class CommandNotifier:
    """Runs the command once per message, in the workspace, in a process group of its own."""

    def __init__(self, *, settings: CommandSettings, root: Path, desk: str) -> None:
        self._settings = settings
        self._root = root
        self._desk = desk

    def send(self, message: Message) -> str:
        words = self._words()
        process = self._started(words)
        try:
            process.communicate(wire(message, desk=self._desk) + b"\n", timeout=self._settings.timeout_s)
        except subprocess.TimeoutExpired:
            raise OutcomeUnknown(
                f"{self._settings.run} did not end within {self._settings.timeout}",
                fix="write a longer timeout, or see what it waits for",
            ) from None
        finally:
            _end(process)
        if process.returncode:
            code = process.returncode
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise Unavailable(f"{self._settings.run} ended with {how}", fix="steersman notify test shows what it says")
        return "ended with exit code 0"

    def _words(self) -> list[str]:
        """Return the command as it is started: a script of the workspace by what its name says."""
        words = shlex.split(self._settings.run)
        program = self._root / words[0]
        if "/" in words[0] or words[0].endswith((".py", ".sh")):
            if not program.is_file():
                raise Misconfigured(f"there is no file {words[0]} in the workspace", fix=f"create {words[0]}")
            if words[0].endswith(".py"):
                return [sys.executable, str(program), *words[1:]]
            if words[0].endswith(".sh"):
                return ["/bin/sh", str(program), *words[1:]]
            return [str(program), *words[1:]]
        return words

    def _started(self, words: list[str]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                words,
                cwd=self._root,
                env={k: v for k, v in os.environ.items() if k not in _HIDDEN},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                # What it complains about goes to the desk's own terminal, and nowhere else.
                start_new_session=True,
            )
        except OSError as exc:
            raise Misconfigured(
                f"{self._settings.run} cannot be started: {exc.strerror}", fix="correct `run`, or chmod +x the script"
            ) from exc


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the whole group, whether or not its leader is gone, and reap it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()


def create(
    *, name: str, settings: CommandSettings, root: Path, desk: str, secret: Callable[[str], str], clock: Clock
) -> CommandNotifier:
    """Return the target; nothing is started before the first message."""
    return CommandNotifier(settings=settings, root=root, desk=desk)
