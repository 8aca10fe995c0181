"""Refusals of single fields of `[automation.NAME]`, each with its line, what was found and what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Final

from steersman.automation.model import params as parameters
from steersman.automation.model.blackout import Blackout, parse_blackout
from steersman.automation.model.schedule import starts
from steersman.automation.model.window import Window, parse_window
from steersman.automation.start_checks import REFERENCE_NS
from steersman.kernel.toml_file import TomlFile

_LOOKED_AT: Final = 400


def window(file: TomlFile, here: tuple[str, ...], text: str | None, schedule: str | None, tz: str) -> Window | None:
    """Return the window, refused if it cannot be read or if `schedule` (None: no matter when) never falls into it."""
    if text is None:
        return None
    try:
        found = parse_window(text)
    except ValueError as exc:
        raise file.error((*here, "window"), str(exc), fix='write e.g. window = "mon-fri 09:00-17:30"') from exc
    if schedule is not None and not _meets(found, schedule, tz):
        raise file.error(
            (*here, "window"),
            f"no start of {schedule!r} falls into {text!r} ({tz}): it would never run",
            fix='change one of them, or write outside = "wait" to start when the window opens',
        )
    return found


def _meets(window: Window, schedule: str, tz: str) -> bool:
    """Say whether a start falls into the window: after each opening of a week, or among the next few hundred."""
    at = REFERENCE_NS
    for _ in range(7 * len(window.spans)):
        opening = window.next_opening(at, tz)
        if opening is None:
            break
        first = next(starts(schedule, tz, opening - 1), None)
        if first is not None and window.is_open(first, tz):
            return True
        at = opening
    return any(window.is_open(start, tz) for start in islice(starts(schedule, tz, REFERENCE_NS), _LOOKED_AT))


def blackouts(file: TomlFile, here: tuple[str, ...], texts: tuple[str, ...]) -> tuple[Blackout, ...]:
    """Return the blackouts; whether a calendar of that name exists is looked at later."""
    try:
        return tuple(parse_blackout(text) for text in texts)
    except ValueError as exc:
        raise file.error((*here, "blackout"), str(exc), fix='write e.g. blackout = ["us-holidays"]') from exc


def tokens(file: TomlFile, here: tuple[str, ...], wanted: Mapping[str, int], there: Mapping[str, int]) -> None:
    """Refuse a resource that is not declared, and more of one than there is: such a run would wait for ever."""
    for name, amount in wanted.items():
        if name not in there:
            near = difflib.get_close_matches(name, there, n=1)
            raise file.error(
                (*here, "resources"),
                f"there is no resource {name!r}; declared: {', '.join(there)}",
                fix=(f"did you mean {near[0]}? If not, " if near else "") + f"add `{name} = 1` to [resources]",
            )
        if not 1 <= amount <= there[name]:
            raise file.error(
                (*here, "resources"),
                f"wants {amount} of {name}, allowed: 1 to {there[name]}",
                fix=f"take less, or raise `{name}` in [resources]",
            )


def folder(file: TomlFile, here: tuple[str, ...], cwd: str, root: Path | None) -> None:
    """Refuse a working folder that is not there; with `root` None only one that can never be."""
    path = (*here, "cwd")
    if "\0" in cwd:
        raise file.error(path, "has a NUL byte in it", fix="write the path of a folder")
    if not cwd or root is None:
        return
    try:
        if (root / cwd).is_dir():
            return
        exists = (root / cwd).exists()
    except OSError as exc:
        raise file.error(path, f"cannot be looked at: {exc.strerror}", fix="name a folder that can be entered") from exc
    if exists:
        raise file.error(path, f"{cwd} is no folder", fix="name the folder that it stands in")
    above = (root / cwd).parent
    near = difflib.get_close_matches(
        Path(cwd).name, [p.name for p in above.iterdir() if p.is_dir()] if above.is_dir() else [], n=1
    )
    where = "" if Path(cwd).is_absolute() else " in the workspace"
    raise file.error(
        path,
        f"there is no folder {cwd}{where}",
        fix=f"did you mean {(Path(cwd).parent / near[0]).as_posix()}?" if near else f"mkdir -p {cwd}",
    )


def params(file: TomlFile, here: tuple[str, ...], declared: Mapping[str, parameters.Value]) -> None:
    """Refuse a parameter whose name cannot stand in an environment variable or in braces."""
    for name in declared:
        if not parameters.NAME.fullmatch(name):
            raise file.error(
                (*here, "params"),
                f"{name!r} cannot be a parameter",
                fix="use a small letter, then small letters, digits and _",
            )
        if name in parameters.RESERVED:
            raise file.error(
                (*here, "params"),
                f"{{{name}}} in `run` is the start that a run stands for, so no parameter can be called so",
                fix="rename the parameter",
            )


def names(file: TomlFile, here: tuple[str, ...], field: str, section: str, used: tuple[str, ...]) -> None:
    """Refuse logins (`[provider.NAME]`) or data (`[pull.NAME]`) that are not declared."""
    there = file.get(section)
    declared = list(there) if isinstance(there, Mapping) else []
    for name in used:
        if name not in declared:
            near = difflib.get_close_matches(name, declared, n=1)
            raise file.error(
                (*here, field),
                f"there is no [{section}.{name}]; declared: {', '.join(declared) or 'none'}",
                fix=f"did you mean {near[0]}?" if near else f"add [{section}.{name}]",
            )
