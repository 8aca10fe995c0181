"""Which files a script reads and writes, with the line that shows it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from steersman.automation.adopt.machine import Machine

Direction = Literal["reads", "writes"]
_DEPTH: Final = 3


class Touch(msgspec.Struct, frozen=True, kw_only=True):
    """`direction` the file at `path` (normalised, absolute), seen at `where` (`file:line`)."""

    direction: Direction
    path: str
    where: str


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What reading one script showed.

    Attributes:
        touches: files with known names.
        calls: scripts it starts: (language, file, arguments, folder they start in).
        relative: it names a file relative to the folder it starts in, or one whose name could not be worked out.
        starts: it starts other programs, which PATH may decide about.
    """

    touches: tuple[Touch, ...] = ()
    calls: tuple[tuple[str, Path, tuple[str, ...], Path], ...] = ()
    relative: bool = False
    starts: bool = False


Reader = Callable[[str, Path, Path, Sequence[str]], Seen]
"""Takes text, the script's file, the folder it starts in, its arguments."""


def absolute(name: str, folder: Path) -> str:
    """Return `name` seen from `folder`, without `.` and `..`; links are not followed."""
    return os.path.normpath(folder / name)


def touches_of(
    language: str,
    script: Path,
    folder: Path,
    arguments: Sequence[str],
    machine: Machine,
    readers: dict[str, Reader],
    *,
    depth: int = 0,
) -> Seen | None:
    """Return what `script` and the scripts it starts touch, None if it cannot be read.

    Args:
        readers: by language, `python` and `shell`.
    """
    reader, text = readers.get(language), machine.text(script)
    if reader is None or text is None:
        return None
    seen = reader(text, script, folder, arguments)
    touches = list(seen.touches)
    for inner_language, inner, inner_arguments, inner_folder in seen.calls:
        if depth < _DEPTH and inner != script:
            below = touches_of(inner_language, inner, inner_folder, inner_arguments, machine, readers, depth=depth + 1)
            touches += below.touches if below else ()
    return Seen(touches=tuple(dict.fromkeys(touches)), relative=seen.relative, starts=seen.starts)
