"""A command that prints a secret: run with a limit on time and output, ended with everything it started."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured
from steersman.services.credentials.provider import NoAnswer

_LARGEST_BYTES: Final = 65_536
_HIDDEN: Final = ("STEERSMAN_KEY",)
_LOOK_S: Final = 0.05


def run(command: Sequence[str], *, name: str, root: Path, timeout_s: float, clock: Clock) -> bytes:
    """Return what `command` printed; nothing it prints goes into a message.

    It runs in `root`, in a process group of its own, without standard input, and without the key that seals logins in
    its environment.

    Raises:
        Misconfigured: it cannot be started.
        NoAnswer: it failed, took longer than `timeout_s`, or printed more than 64 KB.
    """
    process = _started(command, name, root)
    until = clock.elapsed_ns() + int(timeout_s * 1e9)
    try:
        if process.stdout is None:
            raise AssertionError("stdout is a pipe")
        printed = _read(process.stdout, name, until, timeout_s, clock)
        code = process.wait(max((until - clock.elapsed_ns()) / 1e9, _LOOK_S))
    except subprocess.TimeoutExpired:
        raise _late(name, timeout_s) from None
    finally:
        _end(process)
    if code:
        raise NoAnswer(f"{name}: {command[0]} ended with exit code {code}", fix=f"run it by hand: {command[0]} ...")
    return printed


def _started(command: Sequence[str], name: str, root: Path) -> subprocess.Popen[bytes]:
    environment = {k: v for k, v in os.environ.items() if k not in _HIDDEN}
    try:
        return subprocess.Popen(
            list(command),
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            # What it complains about may quote the secret: not shown, not kept.
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as exc:
        raise Misconfigured(
            f"{name}: {command[0]} cannot be started: {exc.strerror}", fix=f"install {command[0]}, or correct command"
        ) from exc


def _read(pipe: IO[bytes], name: str, until: int, timeout_s: float, clock: Clock) -> bytes:
    parts: list[bytes] = []
    size = 0
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            ready = selector.select(_LOOK_S)
            # Looked at each time: output that drips must not put the end off.
            if clock.elapsed_ns() > until:
                raise _late(name, timeout_s)
            if not ready:
                continue
            part = os.read(pipe.fileno(), _LARGEST_BYTES)
            if not part:
                return b"".join(parts)
            parts.append(part)
            size += len(part)
            if size > _LARGEST_BYTES:
                raise NoAnswer(f"{name}: the command printed more than {_LARGEST_BYTES:,} bytes")


def _late(name: str, timeout_s: float) -> NoAnswer:
    return NoAnswer(
        f"{name}: the command did not end within {timeout_s:g} s",
        fix="write a longer timeout, or see what it waits for",
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the whole group, whether or not its leader is gone, and reap it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
