"""Paths that settings name stay inside the workspace."""

from __future__ import annotations

from pathlib import Path

from steersman.kernel.toml_file import TomlFile


def check_inside(file: TomlFile, path: tuple[str, ...], folder: str, root: Path) -> None:
    """Refuse a path that leaves the workspace, or is the workspace itself.

    Raises:
        Misconfigured: names file, line and field.
    """
    target = (root / folder).resolve()
    if not folder or target == root.resolve() or not target.is_relative_to(root.resolve()):
        raise file.error(path, f"found {folder!r}, allowed: a path inside the workspace", fix='write e.g. "content"')
