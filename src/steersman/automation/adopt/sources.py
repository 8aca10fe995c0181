"""Where crontabs are read from: a file, standard input, `crontab -l`, the system's own."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from steersman.automation.adopt.candidate import Problem
from steersman.automation.adopt.crontab import Crontab, read_crontab
from steersman.kernel.errors import Misconfigured, Unavailable

ETC_CRONTAB: Final = Path("/etc/crontab")
CRON_D: Final = Path("/etc/cron.d")
_CRON_D_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
_TIMEOUT_S: Final = 10.0


def crontab_of_user() -> Crontab:
    """Return what `crontab -l` prints.

    Raises:
        Unavailable: there is no such command, no crontab, or no answer.
    """
    try:
        done = subprocess.run(
            ["crontab", "-l"], capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, check=False
        )
    except FileNotFoundError as exc:
        raise Unavailable("there is no `crontab` command on this machine", fix="name a file, or - to read one") from exc
    except subprocess.TimeoutExpired as exc:
        raise Unavailable(f"`crontab -l` did not answer in {_TIMEOUT_S:g} s", fix="name a file instead") from exc
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise Unavailable(f"`crontab -l` says: {said[0] if said else 'nothing'}", fix="name a file instead")
    return read_crontab(done.stdout, file="crontab")


def crontab_file(path: Path, *, with_user: bool | None) -> Crontab:
    """Return the crontab in `path`.

    Args:
        with_user: a user stands before each command; None: as the place of the file says.

    Raises:
        Misconfigured: it cannot be read.
    """
    column = is_system_file(path) if with_user is None else with_user
    return read_crontab(_text(path), file=str(path), with_user=column)


def is_system_file(path: Path) -> bool:
    """Say whether cron itself reads this file."""
    here = path.absolute()
    return here == ETC_CRONTAB or here.parent.name == "cron.d"


def system_crontabs(crontab: Path = ETC_CRONTAB, folder: Path = CRON_D) -> tuple[list[Crontab], list[Problem]]:
    """Return /etc/crontab and what cron takes from /etc/cron.d; names that it passes over are problems.

    Raises:
        Misconfigured: there is neither.
    """
    files = [crontab] if crontab.is_file() else []
    problems: list[Problem] = []
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if _CRON_D_NAME.fullmatch(file.name):
            files.append(file)
        elif file.name != ".placeholder":
            problems.append(Problem(where=str(file), why="cron passes over names with other than letters, digits, - _"))
    if not files:
        raise Misconfigured(f"there is no {crontab} and nothing in {folder}", fix="name a file")
    return [crontab_file(file, with_user=True) for file in files], problems


def looks_like_system(crontabs: Iterable[Crontab], users: frozenset[str]) -> bool:
    """Say whether each command begins with the name of a user, as only in files with a user column."""
    entries = [e for c in crontabs for e in c.entries if e.user is None]
    return bool(entries) and all(" " in e.command and e.command.split()[0] in users for e in entries)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", errors="replace")
    except OSError as exc:
        raise Misconfigured(f"{path} cannot be read: {exc.strerror}", fix="name a crontab, or - to read one") from exc
