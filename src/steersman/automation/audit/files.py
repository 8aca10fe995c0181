"""Which files of a folder are scripts, read with bounds: nothing is run, no link is followed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from steersman.automation.audit.facts import Language
from steersman.automation.audit.model import NotRead
from steersman.automation.audit.source import Source
from steersman.kernel.errors import Misconfigured

_SKIPPED: Final = frozenset(
    (
        ".git",
        ".hg",
        ".venv",
        "venv",
        "node_modules",
        "__pycache__",
        ".steersman",
        "site-packages",
        ".tox",
        ".mypy_cache",
    )
)
_BY_SUFFIX: Final[dict[str, Language]] = {".py": "python", ".sh": "shell", ".bash": "shell"}
_SHEBANG: Final = re.compile(rb"^#!\s*\S*?(?:/|\s)?(python[\d.]*|bash|sh|dash|[\w.+-]+)\s*(?:\s-.*)?$")
LARGEST_BYTES: Final = 1 << 20
MOST_FILES: Final = 5_000
_HEAD_BYTES: Final = 4096


def scripts(folder: Path) -> Iterator[tuple[Source, Language] | NotRead]:
    """Return every script at or below `folder` in alphabetical order, and what looks like one but cannot be read.

    Python and shell by suffix or first line, `.env` files by name; other files are none of ours.

    Raises:
        Misconfigured: `folder` is no folder, or holds more than `MOST_FILES` files.
    """
    if not folder.is_dir():
        raise Misconfigured(f"{folder} is not a folder", fix="name the folder that your scripts are in")
    count = 0
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if f not in _SKIPPED)
        for name in sorted(names):
            count += 1
            if count > MOST_FILES:
                raise Misconfigured(
                    f"{folder} holds more than {MOST_FILES:,} files", fix="name the folder that your scripts are in"
                )
            found = _script(Path(here) / name, (Path(here) / name).relative_to(folder).as_posix())
            if found is not None:
                yield found


def _script(path: Path, file: str) -> tuple[Source, Language] | NotRead | None:
    if path.is_symlink() or not path.is_file():
        return None
    try:
        with path.open("rb") as opened:
            head = opened.read(_HEAD_BYTES)
            language = _language(path, head)
            if language is None or (isinstance(language, str) and language.startswith("not ")):
                return NotRead(file=file, line=1, reason=language) if language else None
            raw = head + opened.read(LARGEST_BYTES + 1 - len(head))
    except OSError as exc:
        return NotRead(file=file, line=None, reason=f"cannot be read: {exc.strerror}")
    if len(raw) > LARGEST_BYTES:
        return NotRead(file=file, line=None, reason=f"larger than {LARGEST_BYTES:,} bytes: data, not a script")
    if b"\0" in raw:
        return NotRead(file=file, line=None, reason="binary, not text")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = raw[: exc.start].count(b"\n") + 1
        return NotRead(file=file, line=line, reason=f"byte {exc.start} is not UTF-8")
    return Source(file, raw), language  # type: ignore[return-value]  # narrowed by the prefix above


def _language(path: Path, head: bytes) -> str | None:
    """Return the language of a script, a reason that starts with `not` for another one, None for no script."""
    if path.name == ".env" or path.name.startswith(".env."):
        return "env"
    if path.suffix in _BY_SUFFIX:
        return _BY_SUFFIX[path.suffix]
    if path.suffix or not head.startswith(b"#!"):
        return None
    first = head.split(b"\n", 1)[0].strip()
    words = first[2:].split()
    names = [w.rpartition(b"/")[2].decode(errors="replace") for w in words if not w.startswith(b"-")]
    program = next((n for n in names if n != "env"), "")
    if program.startswith("python"):
        return "python"
    return "shell" if program in ("sh", "bash", "dash", "ksh") else f"not Python or shell, but {program or 'unknown'}"
