"""New workspaces: the empty one of `init`, and copies of the sample desk."""

from __future__ import annotations

import os
import secrets
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Final

from steersman.bootstrap.workspace import FILE
from steersman.kernel.errors import Misconfigured, Rejected

MARK: Final = ".made-by-demo"
_KEY: Final = "secrets/backups.key"
_FOLDERS: Final = ("strategies", "automations", "content", "data")
_LEFT_OUT: Final = shutil.ignore_patterns(
    ".steersman", "__pycache__", "*.pyc", ".gitkeep", "data", "site", "backups", "secrets"
)


def sample_folder() -> Path:
    """Return where the sample desk lies: in the installed package, or in the checkout.

    Raises:
        Misconfigured: in neither; the installation is broken.
    """
    package = Path(str(files("steersman")))
    for folder in (package / "_examples" / "desk", package.parents[1] / "examples" / "desk"):
        if (folder / FILE).is_file():
            return folder
    raise Misconfigured("the sample desk is not part of this installation", fix="install steersman again")


def make_sample(directory: Path) -> None:
    """Copy the sample desk to `directory`, with a key of its own that only its owner can read.

    Raises:
        Rejected: there is something in it already.
    """
    _refuse_occupied(directory)
    shutil.copytree(sample_folder(), directory, ignore=_LEFT_OUT, dirs_exist_ok=True)
    key = directory / _KEY
    key.parent.mkdir(mode=0o700, exist_ok=True)
    with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32))


def make_empty(directory: Path) -> None:
    """Make a workspace with a commented steersman.toml that loads as it is, and its folders.

    Raises:
        Rejected: there is a steersman.toml already.
    """
    if (directory / FILE).exists():
        raise Rejected(f"{directory / FILE} exists", fix="edit that one, or name another folder")
    directory.mkdir(parents=True, exist_ok=True)
    for name in _FOLDERS:
        (directory / name).mkdir(exist_ok=True)
    text = files("steersman.bootstrap").joinpath("steersman.toml").read_text(encoding="utf-8")
    (directory / FILE).write_text(text, encoding="utf-8")
    ignore = directory / ".gitignore"
    if not ignore.exists():
        # The folder of a site is a repository of its own.
        ignore.write_text(".steersman/\n__pycache__/\n/site/\n", encoding="utf-8")


def make_demo(directory: Path) -> Path | None:
    """Make a fresh sample desk at `directory`; an earlier demo there is moved aside, and its new place returned.

    Only a folder that a demo made is ever moved or (one generation later) removed.

    Raises:
        Rejected: there is something in `directory` that no demo made.
    """
    aside = None
    if (directory / MARK).is_file():
        aside = directory.with_name(f"{directory.name}.previous")
        if (aside / MARK).is_file():
            shutil.rmtree(aside)
        if aside.exists():
            raise Rejected(f"{aside} is in the way and no demo made it", fix="move it, or name another --dir")
        directory.rename(aside)
    make_sample(directory)
    (directory / MARK).write_text("steersman demo made this folder and may replace it\n", encoding="utf-8")
    return aside


def _refuse_occupied(directory: Path) -> None:
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise Rejected(f"{directory} is not empty, and no demo made it", fix="name another folder with --dir")
