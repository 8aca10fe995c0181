"""Where the workspace of a script is, and the address its services answer at."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from steersman.client.problem import Problem

FILE = "steersman.toml"
SOCKET = os.path.join(".steersman", "services.sock")  # noqa: PTH118 - pathlib would cost a third of the import
_LONGEST = 100


def workspace() -> str:
    """Return the folder of the workspace: STEERSMAN_WORKSPACE, else at or above where we are, else where the script is.

    Raises:
        Problem: there is none.
    """
    told = os.environ.get("STEERSMAN_WORKSPACE", "")
    if told:
        if _holds(told):
            return os.path.realpath(told)
        raise Problem(
            f"STEERSMAN_WORKSPACE={told}: there is no {FILE} in it",
            fix="correct the variable, or unset it to search upward",
            kind="Misconfigured",
        )
    # Cron starts everything in the home folder; the script itself lies in its workspace.
    script = os.path.dirname(os.path.realpath(sys.argv[0] or "."))  # noqa: PTH120 - as above
    for start in (os.getcwd(), script):  # noqa: PTH109 - as above
        found = nearest(start)
        if found:
            return found
    raise Problem(
        f"no {FILE} at or above the current folder or the script",
        fix="set STEERSMAN_WORKSPACE, or make a workspace: steersman init DIR",
        kind="Misconfigured",
    )


def nearest(start: str) -> str:
    """Return the workspace at or above the folder `start`; empty if there is none."""
    here = os.path.realpath(start)
    while not _holds(here):
        parent = os.path.dirname(here)  # noqa: PTH120 - as above
        if parent == here:
            return ""
        here = parent
    return here


def _holds(folder: str) -> bool:
    return os.path.isfile(os.path.join(folder, FILE))  # noqa: PTH113, PTH118 - as above


@contextmanager
def address(path: str) -> Iterator[str]:
    """Yield an address for the unix socket at `path`; the kernel takes 107 bytes, so long ones go by their folder."""
    if len(os.fsencode(path)) <= _LONGEST:
        yield path
        return
    folder, name = os.path.split(path)
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{name}"
    finally:
        os.close(handle)
