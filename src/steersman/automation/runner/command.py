"""From a `run` line to what the operating system starts."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
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


def environment(extra: Mapping[str, str], *, root: Path, run_id: str, attempt: int, artifacts: Path) -> dict[str, str]:
    """Return the environment of a run: ours, then the automation's own, then what Steersman promises."""
    # The interpreter's folder comes first so that a script's `steersman` is the one that started it.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    return {
        **os.environ,
        "PATH": path,
        "PYTHONUNBUFFERED": "1",
        **extra,
        "STEERSMAN_WORKSPACE": str(root),
        "STEERSMAN_DIR": str(root),
        "STEERSMAN_RUN_ID": run_id,
        "STEERSMAN_ATTEMPT": str(attempt),
        "STEERSMAN_ARTIFACTS": str(artifacts),
    }
