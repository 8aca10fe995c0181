"""Data that a script of the workspace makes: started in a group of its own, bounded, and ended whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from steersman.services.pulls.upstream import Failed, Reply

_GRACE_S = 2.0


def run(
    words: Sequence[str], *, root: Path, pull: str, into: Path, log: Path, timeout_s: float, max_bytes: int
) -> Reply:
    """Run the script; what it writes to $STEERSMAN_OUT, or else to its output, is the data.

    Args:
        log: takes its standard error (0600); nothing of it is told to anybody.

    Raises:
        Failed: it cannot be started, fails, takes too long, writes too much or nothing.
    """
    out = into.with_name(f"{into.name}.out")
    environment = {
        **os.environ,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
        "STEERSMAN_WORKSPACE": str(root),
        "STEERSMAN_DIR": str(root),
        "STEERSMAN_PULL": pull,
        "STEERSMAN_OUT": str(out),
    }
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    error = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with into.open("wb") as output:
            process = _started(words, root, environment, output.fileno(), error)
        _ended(process, timeout_s, max_bytes, log)
        chosen = out if out.exists() and out.stat().st_size else into
        return _reply(chosen, into, max_bytes)
    finally:
        os.close(error)
        out.unlink(missing_ok=True)


def _started(
    words: Sequence[str], root: Path, environment: dict[str, str], output: int, error: int
) -> subprocess.Popen[bytes]:
    script = (root / words[0]).resolve()
    python = [sys.executable] if script.suffix == ".py" else []
    shell = ["/bin/sh"] if script.suffix == ".sh" and not os.access(script, os.X_OK) else []
    try:
        return subprocess.Popen(
            [*python, *shell, str(script), *words[1:]],
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=error,
            start_new_session=True,
        )
    except OSError as exc:
        raise Failed(f"the command cannot be started: {exc.strerror}", again=False) from exc


def _ended(process: subprocess.Popen[bytes], timeout_s: float, max_bytes: int, log: Path) -> None:
    """Wait for the script; nothing of its group is left after."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        # The kernel stops a script that writes without end; a look at the file now and then would come too late.
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (max_bytes + 1, max_bytes + 1))
    try:
        code = process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        _end(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
        raise Failed(f"the command did not end within {timeout_s:g} s", again=True) from None
    finally:
        _end(process, signal.SIGKILL)
        process.wait()
    if code == -signal.SIGXFSZ:
        raise Failed(f"the command wrote more than {max_bytes:,} bytes (max_bytes)", again=False)
    if code:
        raise Failed(f"the command ended with {code}; what it said is in {log.name}", status=code, again=True)


def _end(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _reply(chosen: Path, into: Path, max_bytes: int) -> Reply:
    size = chosen.stat().st_size
    if size > max_bytes:
        raise Failed(f"the command wrote more than {max_bytes:,} bytes (max_bytes)", again=False)
    if not size:
        raise Failed("the command wrote nothing, neither to $STEERSMAN_OUT nor to its output", again=True)
    if chosen != into:
        chosen.replace(into)
    with into.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Reply(status=200, headers={}, received=size, size_bytes=size, content_hash=digest)
