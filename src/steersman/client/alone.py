"""Without anybody who serves: one process of Steersman's own, asked over pipes. Locks on disk keep that safe."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

from steersman.client.problem import Problem
from steersman.client.wire import value_of

TYPE_CHECKING = False  # checkers take it for true; typing itself would cost half of this import
if TYPE_CHECKING:
    from typing import Any

_START_S = 20.0
_SHOWN = 400


def ask_alone(root: str, question: dict[str, Any], *, timeout_s: float) -> dict[str, Any]:
    """Return what a process of its own answers; question and answer go through pipes, never through arguments.

    Raises:
        Problem: it said no, could not be started, or took longer than `timeout_s` (and the time to start it).
    """
    command = [*_steersman(), "serve", "once", "--dir", root]
    line = json.dumps(question, separators=(",", ":")).encode() + b"\n"
    try:
        done = subprocess.run(command, input=line, capture_output=True, timeout=timeout_s + _START_S, check=False)
    except subprocess.TimeoutExpired:
        raise Problem(
            f"no answer within {timeout_s + _START_S:g} s, and nobody serves this workspace", fix="steersman up"
        ) from None
    except OSError as exc:
        raise Problem(
            f"nobody serves this workspace, and {command[0]} cannot be started: {exc.strerror}",
            fix="steersman up; or put `steersman` on the PATH of this script",
        ) from exc
    answer = done.stdout.rpartition(b"\n")[0].rpartition(b"\n")[2]
    if not answer:
        said = done.stderr.decode("utf-8", "replace").strip()[-_SHOWN:]
        raise Problem(
            f"nobody serves this workspace, and asking alone ended with exit code {done.returncode}: {said}",
            fix="steersman doctor",
        )
    return value_of(answer)


def _steersman() -> list[str]:
    """Return how to start Steersman: in this interpreter's environment if it is there, else as found on PATH."""
    beside = os.path.join(os.path.dirname(sys.executable), "steersman")  # noqa: PTH118, PTH120 - see place.py
    found = None if os.path.isfile(beside) else shutil.which("steersman")  # noqa: PTH113 - as above
    return [found] if found else [sys.executable, "-m", "steersman.cli"]
