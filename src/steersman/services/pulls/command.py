"""Data that a script of the workspace makes: started in a group of its own, bounded, and ended whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from steersman.services.disk import remove
from steersman.services.pulls.upstream import Failed, Reply

_GRACE_S = 2.0
_BLOCK = 512  # what `ulimit -f` counts in, by POSIX


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
            process = _started(words, root, environment, (output.fileno(), error), max_bytes)
        code = _ended(process, timeout_s)
        chosen = out if _written(out) else into
        if chosen.stat().st_size > max_bytes:
            raise Failed(f"the command wrote more than {max_bytes:,} bytes (max_bytes)", again=False)
        if code:
            raise Failed(f"the command ended with {code}; what it said is in {log.name}", status=code, again=True)
        return _reply(chosen, into)
    finally:
        os.close(error)
        remove(out)


def _written(out: Path) -> bool:
    """Say whether the script wrote its data to `out`.

    Raises:
        Failed: there is something else than a file of its own, such as a link to one that will change later.
    """
    try:
        found = out.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        raise Failed("$STEERSMAN_OUT is a link or a folder; allowed: a plain file of its own", again=False)
    return found.st_size > 0


def _started(
    words: Sequence[str], root: Path, environment: dict[str, str], outputs: tuple[int, int], max_bytes: int
) -> subprocess.Popen[bytes]:
    """Start the script below a limit on the size of files: the kernel stops one that writes without end, and all that
    it starts; a look at the file now and then would come too late."""
    limit = ["/bin/sh", "-c", f'ulimit -f {max_bytes // _BLOCK + 1}; exec "$@"', "sh"]
    script = (root / words[0]).resolve()
    python = [sys.executable] if script.suffix == ".py" else []
    shell = ["/bin/sh"] if script.suffix == ".sh" and not os.access(script, os.X_OK) else []
    try:
        return subprocess.Popen(
            [*limit, *python, *shell, str(script), *words[1:]],
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=outputs[0],
            stderr=outputs[1],
            start_new_session=True,
        )
    except OSError as exc:
        raise Failed(f"the command cannot be started: {exc.strerror}", again=False) from exc


def _ended(process: subprocess.Popen[bytes], timeout_s: float) -> int:
    """Wait for the script and return its exit code; nothing of its group is left after."""
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        _end(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
        raise Failed(f"the command did not end within {timeout_s:g} s", again=True) from None
    finally:
        _end(process, signal.SIGKILL)
        process.wait()


def _end(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _reply(chosen: Path, into: Path) -> Reply:
    size = chosen.stat().st_size
    if not size:
        raise Failed("the command wrote nothing, neither to $STEERSMAN_OUT nor to its output", again=True)
    if chosen != into:
        chosen.replace(into)
    with into.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Reply(status=200, headers={}, received=size, size_bytes=size, content_hash=digest)
