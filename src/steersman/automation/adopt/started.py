"""From a command line to the fields of a candidate that do not depend on where it was found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shlex import join
from typing import Final

import msgspec

from steersman.automation.adopt.commands import Command
from steersman.automation.adopt.machine import Machine
from steersman.automation.adopt.programs import Program, resolve, venv_folder
from steersman.automation.adopt.python_files import read_python
from steersman.automation.adopt.shell_files import argument_touches, read_shell, read_text
from steersman.automation.adopt.touched import Reader, Seen, Touch, touches_of

READERS: Final[dict[str, Reader]] = {"python": read_python, "shell": read_shell}
_OWN_NAMES: Final = frozenset({"HOME", "LOGNAME", "USER", "SHELL", "PATH", "MAILTO", "MAILFROM", "CRON_TZ"})


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """How a command runs here: its `run` line, the environment it needs, and what it touches.

    Attributes:
        cwd: the folder it works in, relative to the workspace where it lies in it; empty: the workspace.
        script: the file with its code, None for programs of the system and shell text.
        scripts: that file, or all that the shell text starts.
    """

    run: str
    cwd: str
    label: str
    env: dict[str, str]
    touches: tuple[Touch, ...]
    script: Path | None
    scripts: tuple[Path, ...]
    missing: str
    notes: tuple[str, ...]


def start(
    command: Command,
    machine: Machine,
    *,
    where: str,
    home: Path,
    variables: Mapping[str, str],
    path: str,
    own_path: bool,
) -> Started:
    """Return how `command` runs here the way it runs today.

    Args:
        where: its place, for the evidence of files its command line names.
        home: the folder it is started in today.
        variables: set for it today; PATH among them only counts as `path`.
        path: PATH in force today.
        own_path: somebody set that PATH on purpose, so it is kept whatever the program is.
    """
    program = resolve(command, machine, path=path, start=home)
    folder = home / command.cwd if command.cwd else home
    seen, scripts = _seen(program, command, folder, machine, where, variables)
    keep_folder = command.cwd is not None or seen is None or seen.relative
    shown_folder = folder if keep_folder and folder != machine.workspace else None
    env = {k: v for k, v in variables.items() if k not in _OWN_NAMES} | command.env
    # Steersman's PATH begins with its own interpreter: `python3` inside a shell script would be another one.
    if own_path or seen is None or seen.starts:
        env.setdefault("PATH", path)
    if command.venv is not None and not command.why_shell:
        env["VIRTUAL_ENV"] = venv_folder(command.venv, folder)
        env["PATH"] = f"{env['VIRTUAL_ENV']}/bin:{path}"
    return Started(
        run=join(program.words),
        cwd="" if shown_folder is None else _in_workspace(shown_folder, machine),
        label=program.label,
        env=env,
        touches=() if seen is None else seen.touches,
        script=program.script,
        scripts=scripts,
        missing=program.missing or _missing(shown_folder, machine),
        notes=program.notes,
    )


def _in_workspace(folder: Path, machine: Machine) -> str:
    return str(folder.relative_to(machine.workspace) if folder.is_relative_to(machine.workspace) else folder)


def _missing(folder: Path | None, machine: Machine) -> str:
    return "" if folder is None or machine.is_folder(folder) else f"there is no folder {folder} on this machine"


def _seen(
    program: Program, command: Command, folder: Path, machine: Machine, where: str, known: Mapping[str, str]
) -> tuple[Seen | None, tuple[Path, ...]]:
    """Return what the command and its scripts show, None when the code cannot be read; and the scripts."""
    if command.why_shell:
        line = read_text(command.text, where, folder, {**known, **command.env})
        return _with_calls(line, machine), tuple(script for _, script, _, _ in line.calls)
    if program.script is None:
        return None, ()
    arguments = program.arguments
    named = argument_touches(arguments, folder, where)
    found = touches_of(program.language, program.script, folder, arguments, machine, READERS)
    if found is None:
        return Seen(touches=tuple(named), relative=True, starts=True), (program.script,)
    relative = found.relative or any(not a.startswith(("-", "/")) and ("/" in a or "." in a) for a in arguments)
    touches = tuple(dict.fromkeys((*found.touches, *named)))
    return Seen(touches=touches, relative=relative, starts=found.starts), (program.script,)


def _with_calls(line: Seen, machine: Machine) -> Seen:
    """Return what a line and the scripts it starts show; a line that shows nothing may do anything where it starts."""
    touches = list(line.touches)
    relative = line.relative or not (line.touches or line.calls)
    for language, script, arguments, folder in line.calls:
        below = touches_of(language, script, folder, arguments, machine, READERS, depth=1)
        touches += below.touches if below else ()
        relative = relative or below is None or below.relative
    return Seen(touches=tuple(dict.fromkeys(touches)), relative=relative, starts=True)
