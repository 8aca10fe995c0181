"""Writes an accepted proposal into steersman.toml: whole or not at all, with the old file kept beside it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from steersman.automation.settings import SECTION, AutomationSettings, validate
from steersman.kernel.errors import Conflict, Rejected, SteersmanError
from steersman.kernel.toml_file import TomlFile


def read_text(path: Path) -> str:
    """Return the file as it is, its line ends included."""
    return path.read_bytes().decode("utf-8")


def check(before: str, after: str, root: Path, *, name: str, tz: str) -> None:
    """Refuse `after` unless it loads and differs from `before` in nothing but automations that were not there.

    Raises:
        Rejected: a name is taken, or something else would change.
        Misconfigured: an automation in it is wrong; names file, line and field.
    """
    old, new = TomlFile(before.removeprefix("\ufeff"), name=name), TomlFile(after.removeprefix("\ufeff"), name=name)
    automations = new.section((SECTION,), dict[str, AutomationSettings])
    kept = old.section((SECTION,), dict[str, AutomationSettings])
    changed = [n for n in kept if automations.get(n) != kept[n]]
    if changed or {k: v for k, v in old.data.items() if k != SECTION} != {
        k: v for k, v in new.data.items() if k != SECTION
    }:
        raise Rejected(
            f"{name}: the proposal would change {', '.join(changed) or 'other sections'}", fix="nothing was written"
        )
    validate(new, automations, root, tz=tz)


def write(path: Path, before: str, after: str, *, verify: Callable[[], object]) -> Path:
    """Replace the file by `after` and return where the old one is kept.

    Args:
        before: what the proposal was made from.
        verify: loads the workspace from the new file; if it raises, the old file is put back.

    Raises:
        Conflict: somebody changed the file since.
    """
    path = path.resolve()
    if read_text(path) != before:
        raise Conflict(f"{path.name} was changed while the proposal was shown", fix="look at the new proposal")
    backup = _free(path)
    backup.write_bytes(before.encode())
    backup.chmod(path.stat().st_mode & 0o777)
    _replace(path, after)
    try:
        verify()
    except SteersmanError:
        _replace(path, before)
        backup.unlink()
        raise
    return backup


def _free(path: Path) -> Path:
    number = 1
    while (candidate := path.with_name(f"{path.name}.bak{number if number > 1 else ''}")).exists():
        number += 1
    return candidate


def _replace(path: Path, text: str) -> None:
    """Write beside the file and rename over it, so that a reader sees the old one or the new one."""
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    fresh.chmod(path.stat().st_mode & 0o777)
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
