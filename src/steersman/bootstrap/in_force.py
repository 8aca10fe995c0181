"""The copy of steersman.toml that the running desk went by last: what stops a desk must not wait for a typing error.

An edit that is refused leaves in force what was there before; with this copy, whoever looks or stops goes by that too.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from steersman.bootstrap.workspace import FILE, Workspace, find_root, load_workspace
from steersman.kernel.errors import Misconfigured

_COPY: Final = "in-force.toml"


def keep(workspace: Workspace) -> None:
    """Keep the file that `workspace` was read from as what is in force; without room on the disk the last copy goes.

    A kill in between leaves the copy of before or the new one, whole.
    """
    path = workspace.state / _COPY
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{_COPY}-", dir=path.parent)  # 0600: it is read by its owner only
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(workspace.file.text)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError:
        # An older copy would say what is not in force any more; none means that the file itself has to be mended.
        with suppress(OSError):
            path.unlink(missing_ok=True)


def load_in_force(directory: Path) -> tuple[Workspace, Misconfigured | None]:
    """Read the workspace at or above `directory`; if its file is refused, as it was last in force, with the refusal.

    Raises:
        Misconfigured: there is no workspace, or its file is refused and no desk has run by another one.
    """
    try:
        return load_workspace(directory), None
    except Misconfigured as refusal:
        with suppress(Misconfigured, OSError, UnicodeDecodeError):
            root = find_root(directory)
            text = (root / ".steersman" / _COPY).read_text(encoding="utf-8")
            return load_workspace(root, text=text), refusal
        raise


def in_words(refusal: Misconfigured) -> str:
    """Say that something goes by what was in force, and what is wrong with the file."""
    return f"{FILE} is refused, so this goes by what was last in force: {refusal.message}\n  fix: {refusal.fix}"
