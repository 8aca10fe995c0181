"""A folder of scripts as candidates: no times, but what they need of each other."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from steersman.automation.adopt.candidate import Candidate, Problem, Reading, mark_of
from steersman.automation.adopt.commands import read_command
from steersman.automation.adopt.cron_fields import BadField, read_fields
from steersman.automation.adopt.machine import Machine
from steersman.automation.adopt.python_files import imported_modules, only_defines
from steersman.automation.adopt.shell_text import quote
from steersman.automation.adopt.started import start
from steersman.automation.model.schedule import check_cron

_SKIPPED: Final = frozenset({"__pycache__", "node_modules", "venv", "env", "site-packages", "tests", "test"})
_NO_SCRIPT: Final = re.compile(r"(__\w+__|conftest|setup|test_.*|.*_test)\.py")
_OWN_FOLDER: Final = "it starts in its own folder: change cwd if that is not where you start it"
_LIMIT: Final = 500
_HEAD_LINES: Final = 25
_TIME_LINE: Final = re.compile(r"(?i)^\W*(?:cron|crontab|schedule)\s*[:=]\s*(?P<rest>[\d*@].*)$")


def read_folder(folder: Path, machine: Machine, *, tz: str = "") -> Reading:
    """Return candidates for the scripts in `folder` and below: .py, .sh, and executables that begin with #!.

    Modules that other files import and that do nothing by themselves are named, and left out.
    """
    files = _scripts(folder, machine)
    texts = {file: machine.text(file) or "" for file in files}
    imported = {name for file, text in texts.items() if file.suffix == ".py" for name in imported_modules(text)}
    candidates: list[Candidate] = []
    problems: list[Problem] = []
    for file in files:
        if file.suffix == ".py" and only_defines(texts[file]):
            why = "others import it" if file.stem in imported else "it only defines things"
            problems.append(Problem(where=str(file.relative_to(folder)), why=f"left out: {why}"))
        else:
            candidates.append(_candidate(file, folder, texts[file], machine, tz))
    if len(files) == _LIMIT:
        problems.append(Problem(where=str(folder), why=f"only the first {_LIMIT} scripts were read"))
    return Reading(candidates=tuple(candidates), problems=tuple(problems))


def _scripts(folder: Path, machine: Machine) -> list[Path]:
    found: list[Path] = []
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if f not in _SKIPPED and not f.startswith("."))
        for name in sorted(names):
            file = Path(here) / name
            if not name.startswith(".") and not _NO_SCRIPT.fullmatch(name) and _is_script(file, machine):
                found.append(file)
                if len(found) == _LIMIT:
                    return found
    return found


def _is_script(file: Path, machine: Machine) -> bool:
    if file.suffix in (".py", ".sh", ".bash"):
        return machine.is_file(file)
    return not file.suffix and machine.is_executable(file) and (machine.text(file) or "").startswith("#!")


def _candidate(file: Path, folder: Path, text: str, machine: Machine, tz: str) -> Candidate:
    where = str(file.relative_to(folder))
    inside = file.is_relative_to(machine.workspace)
    started = start(
        read_command(quote(str(file))),
        machine,
        where=where,
        # Where a person starts it is not known; what belongs to the workspace starts there, like all else.
        home=machine.workspace if inside else file.parent,
        variables={},
        path=os.environ.get("PATH", os.defpath),
        own_path=False,
    )
    schedule, line = _said_time(text)
    zone = (tz or machine.zone or None) if schedule else None
    return Candidate(
        kind="folder",
        where=f"{where}:{line}",
        mark=mark_of("folder", str(file)),
        original=str(file),
        when=schedule or "no times: started by hand or after what it needs",
        label=file.stem,
        run=_in_workspace(started.run, machine),
        cwd=started.cwd,
        schedule=schedule,
        tz=zone,
        # Scripts by hand run with the caller's PATH, and so they do here.
        env={k: v for k, v in started.env.items() if k != "PATH"},
        notes=(
            *(n for n in started.notes if "x bit" not in n),
            *([_OWN_FOLDER] if started.cwd else []),
            *([f"its own line {line} says these times"] if schedule else []),
        ),
        left=started.missing,
        script=started.script,
        touches=started.touches,
    )


def _in_workspace(run: str, machine: Machine) -> str:
    """Return `run` with a script inside the workspace written relative to it."""
    root = f"{machine.workspace}/"
    return run.removeprefix(root) if run.startswith(root) else run


def _said_time(text: str) -> tuple[str | None, int]:
    """Return the schedule that a comment near the top says (`# cron: 30 17 * * 1-5`), and its line."""
    for number, line in enumerate(text.splitlines()[:_HEAD_LINES], start=1):
        match = _TIME_LINE.match(line)
        words = match["rest"].split() if match else []
        try:
            schedule = read_fields(" ".join(words[:5])).text if words else ""
        except BadField:
            continue
        if schedule and not check_cron(schedule):
            return schedule, number
    return None, 1
