"""Starts the checking process (worker.py) and believes only what it says in whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

from steersman.kernel.errors import Unavailable
from steersman.services.pulls.model import Schema

_TIMEOUT_S: Final = 120.0


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the checking process said: `problems`, or the figures of the Arrow file it wrote.

    `hindered`: what kept it from its work, which says nothing about the data.
    """

    problems: tuple[str, ...] = ()
    hindered: str = ""
    rows: int = 0
    checks: dict[str, str] = {}
    size_bytes: int = 0
    content_hash: str = ""


def check_apart(body: Path, out: Path, schema: Schema) -> Verdict:
    """Check `body` against `schema` in a process of its own; if it passes, `out` is its Arrow file, synced.

    polars stays out of the process that asks, and a body that breaks the parser breaks only the child.

    Raises:
        Unavailable: it could not be checked, for want of room or memory.
    """
    task = msgspec.json.encode({"body": str(body), "out": str(out), "schema": schema})
    command = [sys.executable, "-P", "-m", "steersman.services.pulls.worker"]
    try:
        done = subprocess.run(
            command,
            input=task,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
            # One file is checked at a time: threads by the dozen would only cost memory and start-up time.
            env={**os.environ, "POLARS_MAX_THREADS": "2"},
        )
    except subprocess.TimeoutExpired:
        return Verdict(problems=(f"could not be checked within {_TIMEOUT_S:g} s",))
    if done.returncode == -signal.SIGKILL:
        raise Unavailable("the checking process was killed; perhaps memory ran out", fix="free memory, then ask again")
    try:
        verdict = msgspec.json.decode(done.stdout, type=Verdict)
    except msgspec.DecodeError:
        return Verdict(problems=(f"the checking process broke on it (ended with {done.returncode})",))
    if verdict.hindered:
        raise Unavailable(f"could not be checked: {verdict.hindered}", fix="free memory or disk space, then ask again")
    return verdict
