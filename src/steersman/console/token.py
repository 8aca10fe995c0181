"""Tokens: random secrets, each in a file that only its owner can read."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import Final

from steersman.kernel.errors import Misconfigured

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{32,128}")


def read_or_create(path: Path) -> str:
    """Return the token stored at `path`, making it (mode 0600) if there is none.

    Raises:
        Misconfigured: others may read the file, or what it holds is no token.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return _make(path)
    except FileExistsError:
        pass
    return _checked(path)


def read(path: Path) -> str | None:
    """Return the token stored at `path`, None if there is none.

    Raises:
        Misconfigured: as for `read_or_create`.
    """
    try:
        return _checked(path)
    except FileNotFoundError:
        return None


def renew(path: Path) -> str:
    """Replace the token at `path` by a new one, which is returned; the old one opens nothing any more."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    made = _make(fresh)
    fresh.replace(path)
    return made


def _make(path: Path) -> str:
    made = secrets.token_urlsafe(32)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(made + "\n")
    return made


def _checked(path: Path) -> str:
    # Whoever can read it can sign in, so a file that a backup or a copy made readable is refused, not used.
    if path.stat().st_mode & 0o077:
        raise Misconfigured(f"{path} can be read by other users", fix=f"chmod 600 {path}, or delete it for a new token")
    found = path.read_text(encoding="ascii", errors="replace").strip()
    if not _TOKEN.fullmatch(found):
        raise Misconfigured(f"{path} holds no token", fix="delete it: the next start makes a new one")
    return found
