"""From a `run` line to what the operating system starts."""

from __future__ import annotations

import errno
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from steersman.automation.settings import OWN_COMMAND
from steersman.kernel.errors import Misconfigured


def arguments(run: str, root: Path) -> list[str]:
    """Return the argument list of `run`: Python scripts by this interpreter, `.sh` without an x bit by sh.

    Raises:
        Misconfigured: the script is not there (any more).
    """
    program, *rest = shlex.split(run)
    if program == OWN_COMMAND:
        return [sys.executable, "-m", "steersman.cli", *rest]
    if "/" not in program and not program.endswith((".py", ".sh")):
        return [program, *rest]
    path = root / program
    if not path.is_file():
        raise Misconfigured(f"there is no file {program} in the workspace", fix=f"create {program}")
    if program.endswith(".py"):
        return [sys.executable, str(path), *rest]
    if program.endswith(".sh") and not os.access(path, os.X_OK):
        return ["/bin/sh", str(path), *rest]
    return [str(path), *rest]


def folder(cwd: str, root: Path) -> Path:
    """Return the folder that a run works in.

    Raises:
        Misconfigured: it is not there (any more).
    """
    found = root / cwd
    if not found.is_dir():
        raise Misconfigured(f"there is no folder {cwd} to run in", fix=f"create {cwd}, or change cwd")
    return found


def environment(extra: Mapping[str, str], *, root: Path, run_id: str, attempt: int, artifacts: Path) -> dict[str, str]:
    """Return the environment of a run: ours, then the automation's own, then what Steersman promises."""
    # The interpreter's folder comes first so that a script's `steersman` is the one that started it.
    ours = str(Path(sys.executable).parent)
    # One that the automation names itself (a crontab's, adopted) rules; ours at its end, so that `steersman` is found.
    path = (extra["PATH"], ours) if "PATH" in extra else (ours, os.environ.get("PATH", os.defpath))
    # Of a script that starts another run: that one was started by a person or a script, not by this event.
    inherited = {key: value for key, value in os.environ.items() if key not in ("STEERSMAN_EVENT", "STEERSMAN_EVENTS")}
    return {
        **inherited,
        "PYTHONUNBUFFERED": "1",
        **extra,
        "PATH": os.pathsep.join(path),
        "STEERSMAN_WORKSPACE": str(root),
        "STEERSMAN_DIR": str(root),
        "STEERSMAN_RUN_ID": run_id,
        "STEERSMAN_ATTEMPT": str(attempt),
        "STEERSMAN_ARTIFACTS": str(artifacts),
    }


def why_not_started(exc: OSError, arguments: Sequence[str], env: Mapping[str, str]) -> str:
    """Say in words why the operating system did not start `arguments`."""
    plain = exc.strerror or str(exc)
    path = Path(str(exc.filename)) if exc.filename else None
    if exc.errno == errno.EINVAL:
        return "the command or its environment has a NUL byte in it"
    if exc.errno == errno.E2BIG:
        return f"{plain}: {_sizes(arguments, env)}"
    if exc.errno == errno.ENOEXEC:
        return f"{plain}: neither a program for this machine nor a script whose first line begins with #!"
    if exc.errno == errno.EAGAIN:
        return f"{plain}: this machine has no room for another process"
    if exc.errno == errno.ENOENT and path is not None:
        if path.is_file() and (interpreter := _interpreter(path)):
            return f"{plain}: its first line asks for {interpreter}, which is not there"
        return f"{plain}: {path}"
    return plain


def _interpreter(path: Path) -> str:
    """Return the program that the first line of a script names, shown so that a stray carriage return is seen."""
    with path.open("rb") as file:
        first = file.readline(256)
    if not first.startswith(b"#!"):
        return ""
    named = first[2:].rstrip(b"\n").strip(b" \t").decode("utf-8", errors="replace")
    return repr(named) if not named.isprintable() else named.split(" ")[0]


def _sizes(arguments: Sequence[str], env: Mapping[str, str]) -> str:
    command = sum(len(os.fsencode(argument)) + 1 for argument in arguments)
    sizes = {key: len(os.fsencode(key)) + len(os.fsencode(value)) + 2 for key, value in env.items()}
    largest = max(sizes, key=sizes.__getitem__, default="")
    return (
        f"the command has {command:,} bytes and the environment {sum(sizes.values()):,}, "
        f"{sizes.get(largest, 0):,} of them in {largest}; Linux takes 131,072 in one and about 2 million in all"
    )
