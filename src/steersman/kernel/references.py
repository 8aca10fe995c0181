"""Secrets by reference: settings say where a secret is, never what it is. No message here contains one."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

from steersman.kernel.errors import Misconfigured

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LARGEST_BYTES: Final = 65_536
FIX: Final = 'write "env:NAME" (an environment variable) or "file:PATH" (a file only its owner can read)'


def problem(text: str) -> str:
    """Say what is wrong with the form of a reference; empty if nothing is. Looks nothing up, and quotes no secret."""
    kind, colon, place = text.partition(":")
    if not colon or kind not in ("env", "file"):
        # Whoever forgets the prefix has written the secret itself: it must not travel on in a message.
        return f"found {len(text)} characters without env: or file: in front; allowed: a reference, never the secret"
    if kind == "env" and not _NAME.fullmatch(place):
        return "found env: without the name of a variable (letters, digits and _)"
    if kind == "file" and (not place.strip() or "\0" in place):
        return "found file: without a path"
    return ""


def resolve(text: str, root: Path) -> str:
    """Return the secret that `text` refers to: `env:NAME`, or `file:PATH` with relative paths below `root`.

    One line end after the secret is dropped; everything else is part of it.

    Raises:
        Misconfigured: not a reference, nothing there, an empty secret, or a file that others can read.
    """
    wrong = problem(text)
    if wrong:
        raise Misconfigured(f"secret: {wrong}", fix=FIX)
    kind, _, place = text.partition(":")
    secret = _from_environment(place) if kind == "env" else _from_file(_path(place, root), text)
    if not secret:
        raise Misconfigured(f"the secret at {text} is empty", fix=f"put the secret into {place}")
    return secret


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise Misconfigured(
            f"the environment variable {name} is not set", fix=f"export {name}=... before starting, or correct the name"
        )
    return _without_line_end(value)


def _path(place: str, root: Path) -> Path:
    path = Path(place)
    if place.startswith("~"):
        try:
            path = path.expanduser()
        except RuntimeError as exc:
            raise Misconfigured(f"file:{place}: no such home folder", fix="write the whole path") from exc
    return root / path


def _from_file(path: Path, text: str) -> str:
    try:
        # Not waiting: a pipe under that name must not hold up the start.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as exc:
        raise Misconfigured(f"cannot read {text}: {exc.strerror}", fix=f"create {path}, or correct the path") from exc
    try:
        _check_private(handle, path, text)
        raw = os.read(handle, _LARGEST_BYTES + 1)
    finally:
        os.close(handle)
    if len(raw) > _LARGEST_BYTES:
        raise Misconfigured(
            f"{text} is longer than {_LARGEST_BYTES} bytes", fix="name a file that holds nothing but the secret"
        )
    try:
        return _without_line_end(raw.decode())
    except UnicodeDecodeError:
        # Without the cause: it would quote the bytes.
        raise Misconfigured(f"{text} is not UTF-8 text", fix="write the secret as plain text") from None


def _check_private(handle: int, path: Path, text: str) -> None:
    """Refuse what others can read. The opened file is asked, not its name: nobody can swap it in between."""
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        raise Misconfigured(f"{text} is not a file", fix="name a file that holds nothing but the secret")
    if os.name == "posix" and mode & 0o077:
        raise Misconfigured(
            f"{text} is open to others than its owner (mode {stat.S_IMODE(mode):04o}, allowed: 0600)",
            fix=f"chmod 600 {path}",
        )


def _without_line_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")
