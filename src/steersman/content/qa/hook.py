"""A git hook that checks what is about to be committed; a hook of somebody else is never touched."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Final

from steersman.content.qa.changed import git
from steersman.kernel.errors import Conflict, Misconfigured

_MARK: Final = "# Written by `steersman content hook install`; `steersman content hook remove` takes it away."


def install(root: Path, *, changed: bool) -> tuple[Path, bool]:
    """Put the hook in place; return where it is, and whether anything was written.

    Raises:
        Conflict: there is a pre-commit hook that is not ours.
        Misconfigured: no git repository, or its hooks folder cannot be written.
    """
    path = hook_path(root)
    text = script(root, changed=changed)
    there = _read(path)
    if there == text:
        return path, False
    if there is not None and _MARK not in there:
        raise Conflict(
            f"{path} is a hook of somebody else: it was left alone",
            fix=f"add this line to it: {command(root, changed=changed)}",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.steersman-new")
        beside.write_text(text, encoding="utf-8")
        beside.chmod(0o755)
        beside.replace(path)
    except OSError as exc:
        raise Misconfigured(f"{path} cannot be written: {exc.strerror}", fix="check its permissions") from exc
    return path, True


def remove(root: Path) -> tuple[Path, bool]:
    """Take our hook away; return where it was, and whether there was one.

    Raises:
        Conflict: the hook there is not ours.
    """
    path = hook_path(root)
    there = _read(path)
    if there is None:
        return path, False
    if _MARK not in there:
        raise Conflict(f"{path} is a hook of somebody else: it was left alone", fix="edit it by hand")
    path.unlink()
    return path, True


def hook_path(root: Path) -> Path:
    """Return where git looks for the hook; `core.hooksPath` is honoured."""
    raw = git(root, "rev-parse", "--git-path", "hooks", accept=(0, 128)).decode("utf-8", "surrogateescape").strip()
    if not raw:
        raise Misconfigured(f"{root} is in no git repository", fix="git init")
    return (root / raw / "pre-commit").absolute()


def command(root: Path, *, changed: bool) -> str:
    """Return the line that checks what is staged, as run from the top of the work tree."""
    top = git(root, "rev-parse", "--show-toplevel").decode("utf-8", "surrogateescape").removesuffix("\n")
    inside = os.path.relpath(root.resolve(), Path(top).resolve())
    options = " --changed" if changed else ""
    return f"steersman content check --staged{options} --dir {shlex.quote(inside)}"


def script(root: Path, *, changed: bool) -> str:
    line = command(root, changed=changed).removeprefix("steersman ")
    python = shlex.quote(sys.executable)
    return f"""#!/bin/sh
{_MARK}
# It reads what is staged, not the files, and stops the commit while a gate is open there.
if command -v steersman >/dev/null 2>&1; then
    exec steersman {line}
elif [ -x {python} ]; then
    exec {python} -m steersman.cli {line}
fi
echo "steersman is not on PATH: the staged drafts were not checked. git commit --no-verify goes around this." >&2
exit 1
"""


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise Misconfigured(f"{path} cannot be read: {exc.strerror}", fix="check its permissions") from exc
