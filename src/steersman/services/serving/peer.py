"""Who asks. Nobody is believed: the kernel says which process it is, and its environment and ancestors say the rest."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

_PROC: Final = Path("/proc")
_CREDENTIALS: Final = struct.Struct("iII")
_DEEPEST: Final = 24
_RUN: Final = b"STEERSMAN_RUN_ID="
_SHELLS: Final = frozenset({"ash", "bash", "csh", "dash", "fish", "ksh", "sh", "tcsh", "zsh"})
_INTERPRETER: Final = re.compile(r"(python[0-9.]*|pypy[0-9.]*|node|perl|ruby|Rscript|php|lua[0-9.]*)")
_WITH_VALUE: Final = frozenset({"-X", "-W", "-r", "--require", "-o", "-O", "--rcfile", "--init-file"})
_CODE_BY_E: Final = frozenset({"node", "perl", "ruby", "Rscript"})
_LONGEST_NAME: Final = 60


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, as audit events name him.

    Attributes:
        who: `automation:<name>`, `script:<file name>`, `person:cli`, or `uid:<number>` when nothing more can be seen.
        run_id: the automation's run; empty unless it is certain.
    """

    who: str
    run_id: str = ""
    pid: int = 0


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A run in flight. `pid` leads its process group; 0 while it is being started."""

    automation: str
    pid: int


RunLookup = Callable[[str], Running | None]
"""Return the run in flight with this id; None: there is none."""


def no_runs(run_id: str) -> Running | None:
    """Know of no run."""
    return None


def credentials(link: socket.socket) -> tuple[int, int]:
    """Return pid and uid of the process at the other end, as the kernel saw them when it connected."""
    pid, uid, _ = _CREDENTIALS.unpack(link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return int(pid), int(uid)


def identify(pid: int, uid: int, runs: RunLookup = no_runs) -> Caller:
    """Say who the process `pid` is.

    A run id in its environment counts only if such a run is in flight and the process descends from it or shares its
    session; whoever sets the variable by hand is named after his own script.
    """
    run_id = _run_id(pid)
    run = runs(run_id) if run_id else None
    if run is not None and _belongs(pid, run.pid):
        return Caller(who=f"automation:{run.automation}", run_id=run_id, pid=pid)
    return Caller(who=_by_command(pid) or f"uid:{uid}", pid=pid)


def _run_id(pid: int) -> str:
    with suppress(OSError):
        for entry in (_PROC / str(pid) / "environ").read_bytes().split(b"\0"):
            if entry.startswith(_RUN):
                return entry[len(_RUN) :].decode("utf-8", "replace")
    return ""


def _belongs(pid: int, leader: int) -> bool:
    # Just started, its pid is not written down yet: the environment alone decides for these milliseconds.
    return leader == 0 or leader in _ancestors(pid) or _stat(pid, 3) == leader


def _ancestors(pid: int) -> Iterator[int]:
    """Yield `pid`, its parent, and so on, without init."""
    for _ in range(_DEEPEST):
        if pid <= 1:
            return
        yield pid
        pid = _stat(pid, 1)


def _stat(pid: int, field: int) -> int:
    """Return a number of /proc/PID/stat after the name: 1 parent, 2 process group, 3 session; 0 if it is gone."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    # A process that ends while it is looked at may leave nothing to read.
    found = text.rpartition(")")[2].split()
    return int(found[field]) if len(found) > field else 0


def _by_command(pid: int) -> str:
    """Return what the nearest ancestor that is not our own command line runs; empty if nothing is to be seen."""
    for here in _ancestors(pid):
        words = _command(here)
        if words and not _is_own(words):
            return named(words)
    return ""


def _command(pid: int) -> list[str]:
    try:
        raw = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return []
    return [word.decode("utf-8", "replace") for word in raw.rstrip(b"\0").split(b"\0")] if raw else []


def _is_own(words: list[str]) -> bool:
    return Path(words[0]).name == "steersman" or any(
        word == "steersman.cli" or Path(word).name == "steersman" for word in words[1:3]
    )


def named(words: list[str]) -> str:
    """Return how a command line is called in events: a script by its file name, a shell to type in as a person."""
    program = Path(words[0].removeprefix("-")).name
    if program not in _SHELLS and not _INTERPRETER.fullmatch(program):
        return f"script:{_clean(program)}"
    script = _script(words[1:], code="e" if program in _CODE_BY_E else "c")
    if script is None:
        return "person:cli"
    return f"script:{_clean(script or program)}"


def _script(arguments: list[str], *, code: str) -> str | None:
    """Return the file or module an interpreter was given; empty for code on the command line, None for neither.

    `code` is the letter of the option that brings code; it may stand in a group, as in `sh -euc`.
    """
    rest = iter(arguments)
    for word in rest:
        if word == "-m":
            return next(rest, "")
        if word == "-" or (word[:1] == "-" and word[1:2] != "-" and word[-1] == code):
            return ""
        if word in _WITH_VALUE:
            next(rest, "")
        elif word and not word.startswith("-"):
            return Path(word).name
    return None


def _clean(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[:_LONGEST_NAME]
