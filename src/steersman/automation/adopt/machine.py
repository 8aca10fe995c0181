"""The machine the scripts run on today: its user, its zone, its files. The only place of adoption that looks."""

from __future__ import annotations

import os
import pwd
import re
import shutil
from pathlib import Path
from typing import Final

import msgspec

_LARGEST_BYTES: Final = 1 << 20
_ZONES: Final = "zoneinfo/"


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What a command line means here.

    Attributes:
        user: who Steersman runs as.
        home: that user's home folder, where cron starts commands.
        zone: IANA name of the machine's time zone; empty when it is not known.
        workspace: the folder of steersman.toml, where Steersman starts commands.
    """

    user: str
    home: Path
    zone: str
    workspace: Path

    def which(self, program: str, path: str) -> str | None:
        """Return the absolute file that `program` means when `path` is searched, None if there is none."""
        return shutil.which(program, path=path)

    def is_file(self, path: Path) -> bool:
        """Say whether there is a file; a folder nobody lets us look into has none."""
        try:
            return path.is_file()
        except OSError:
            return False

    def is_folder(self, path: Path) -> bool:
        """Say whether there is a folder at `path` that may be looked at."""
        try:
            return path.is_dir()
        except OSError:
            return False

    def is_executable(self, path: Path) -> bool:
        """Say whether the file has an x bit for us."""
        return os.access(path, os.X_OK)

    def text(self, path: Path) -> str | None:
        """Return the text of a script, None if it cannot be read, is not text, or is larger than 1 MB."""
        try:
            if not path.is_file() or path.stat().st_size > _LARGEST_BYTES:
                return None
            raw = path.read_bytes()
        except OSError:
            return None
        return None if b"\0" in raw[:4096] else raw.decode("utf-8", errors="replace")

    def home_of(self, user: str) -> Path | None:
        """Return the home folder of `user`, None if there is no such user."""
        if user == self.user:
            return self.home
        try:
            return Path(pwd.getpwnam(user).pw_dir)
        except KeyError:
            return None


def this_machine(workspace: Path) -> Machine:
    """Return the machine we are on."""
    entry = pwd.getpwuid(os.getuid())
    return Machine(user=entry.pw_name, home=Path(entry.pw_dir), zone=local_zone(), workspace=workspace)


def local_zone(etc: Path = Path("/etc")) -> str:
    """Return the IANA name of the machine's zone from TZ, /etc/localtime or /etc/timezone; empty if none says."""
    named = os.environ.get("TZ", "").lstrip(":")
    if re.fullmatch(r"[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+)*", named):
        return named
    try:
        target = str((etc / "localtime").resolve(strict=True))
        if _ZONES in target:
            return re.sub(r"^(posix|right)/", "", target.rpartition(_ZONES)[2])
    except OSError:
        pass  # A container often has neither file; the next one may be there.
    try:
        return (etc / "timezone").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def user_names() -> frozenset[str]:
    """Return the names of the users of this machine."""
    return frozenset(entry.pw_name for entry in pwd.getpwall())
