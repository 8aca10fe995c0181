"""From the words of a command to a `run` line that starts the same program under Steersman as under cron.

Steersman puts its own interpreter first on PATH and starts in the workspace; cron has a short PATH and starts in the
home folder. So a program is written with the folder cron finds it in, and a Python script with its interpreter.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import msgspec

from steersman.automation.adopt.commands import Command
from steersman.automation.adopt.machine import Machine
from steersman.automation.adopt.wrappers import programs_in, started_in

CRON_PATH: Final = "/usr/bin:/bin"
_PYTHON: Final = re.compile(r"python[\d.]*|pypy[\d.]*|uv")
_INTERPRETER: Final = re.compile(r"(python[\d.]*|pypy[\d.]*|sh|bash|dash|zsh|ksh|perl|ruby|node|Rscript|php)")
_DULL: Final = re.compile(r"test|cd|printf|echo|sleep|set|true|date|hostname|export|exit|mkdir|\.|source|")
_PYTHON_VALUE_OPTIONS: Final = ("-W", "-X", "--check-hash-based-pycs")


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """How a command is started.

    Attributes:
        words: the argument list; the first is an absolute file or a name that PATH resolves.
        script: the file that holds the code, absolute; None when it is a program of the system, or shell text.
        arguments: what the script is given.
        label: what to call the automation after.
        missing: what is not on this machine, in words; empty when all is.
    """

    words: tuple[str, ...]
    script: Path | None = None
    arguments: tuple[str, ...] = ()
    label: str = ""
    language: str = ""
    missing: str = ""
    notes: tuple[str, ...] = ()


def resolve(command: Command, machine: Machine, *, path: str = CRON_PATH, start: Path) -> Program:
    """Return how `command` is started.

    Args:
        path: PATH in force for it today.
        start: the folder it is started in, before its own `cd`.
    """
    folder = start / command.cwd if command.cwd else start
    if command.why_shell:
        shell = machine.which(command.shell, path) or command.shell
        # Only a note: a shell may well ask first whether what it names is there.
        gone = [name for name in started_in(command.text) if name.startswith("/") and not machine.is_file(Path(name))]
        return Program(
            words=(*command.prefix, shell, "-c", command.text),
            label=label_of_text(command.text),
            notes=tuple(f"there is no {name} on this machine" for name in dict.fromkeys(gone)),
        )
    if command.venv is not None:
        path = f"{venv_folder(command.venv, folder)}/bin:{path}"
    program, *rest = command.words
    file = _file(program, folder, machine, path)
    if file is None:
        return Program(words=command.words, label=_stem(program), missing=f"there is no {program} on this machine")
    found = _started(file, tuple(rest), folder, machine, path)
    return msgspec.structs.replace(found, words=(*command.prefix, *found.words))


def venv_folder(venv: str, folder: Path) -> str:
    """Return the folder of a virtual environment named from `folder`."""
    return os.path.normpath(folder / venv)


def _file(program: str, folder: Path, machine: Machine, path: str) -> Path | None:
    if "/" in program:
        file = Path(os.path.normpath(folder / program))
        return file if machine.is_file(file) else None
    found = machine.which(program, path)
    return Path(found) if found else None


def _started(file: Path, rest: tuple[str, ...], folder: Path, machine: Machine, path: str) -> Program:
    if _INTERPRETER.fullmatch(file.name):
        return _interpreted((str(file),), rest, folder, machine)
    text = machine.text(file)
    if text is None:
        return Program(words=(str(file), *rest), arguments=rest, label=file.stem)
    first = text.split("\n", 1)[0]
    shebang = _shebang(first, machine, path) if first.startswith("#!") else ()
    notes = () if machine.is_executable(file) else (f"{file} has no x bit: cron could not start it",)
    if file.suffix == ".py" and not shebang:
        return Program(
            words=(str(file), *rest), script=file, arguments=rest, label=file.stem, language="python", notes=notes
        )
    language = _language(shebang, file)
    # By name Steersman would start a .py with its own interpreter, not with the one the script asks for.
    words = (*shebang, str(file), *rest) if file.suffix == ".py" else (str(file), *rest)
    missing = f"{file} asks for {first[2:].strip()}, which is not there" if shebang == ("",) else ""
    return Program(
        words=words, script=file, arguments=rest, label=file.stem, language=language, missing=missing, notes=notes
    )


def _interpreted(interpreter: tuple[str, ...], rest: tuple[str, ...], folder: Path, machine: Machine) -> Program:
    """`python3 -u script.py args`, `bash script.sh`, `python3 -m package.module`."""
    at, language = 0, "python" if _PYTHON.fullmatch(Path(interpreter[0]).name) else Path(interpreter[0]).name
    while at < len(rest) and rest[at].startswith("-"):
        if rest[at] in ("-m", "-c"):
            label = rest[at + 1] if rest[at] == "-m" and at + 1 < len(rest) else language
            return Program(words=(*interpreter, *rest), label=label.rpartition(".")[2], language="")
        at += 2 if rest[at] in _PYTHON_VALUE_OPTIONS else 1
    if at == len(rest):
        return Program(words=(*interpreter, *rest), label=language)
    script = Path(os.path.normpath(folder / rest[at]))
    missing = "" if machine.is_file(script) else f"there is no {script} on this machine"
    return Program(
        words=(*interpreter, *rest[:at], str(script), *rest[at + 1 :]),
        script=script,
        arguments=rest[at + 1 :],
        label=script.stem,
        language="python" if language == "python" else "shell" if language.endswith("sh") else language,
        missing=missing,
    )


def _shebang(line: str, machine: Machine, path: str) -> tuple[str, ...]:
    """Return the interpreter that `#!...` asks for, `env` worked out on `path`; ("",) when it is not there."""
    words = line[2:].split()
    if words and words[0].endswith("/env"):
        words = [w for w in words[1:] if w != "-S" and "=" not in w]
        found = machine.which(words[0], path) if words else None
        return (found or "", *words[1:]) if found else ("",)
    return tuple(words) if words and machine.is_file(Path(words[0])) else ("",)


def _language(shebang: tuple[str, ...], file: Path) -> str:
    name = Path(shebang[0]).name if shebang and shebang[0] else ""
    if _PYTHON.fullmatch(name) or file.suffix == ".py":
        return "python"
    return "shell" if name.endswith("sh") or file.suffix in (".sh", ".bash") else name


def label_of_text(text: str) -> str:
    """Return a name for shell text: its first script, else the first program that does more than prepare."""
    scripts = re.findall(r"[\w./-]+\.(?:py|sh|bash|pl|rb|js)\b", text)
    if scripts:
        return Path(scripts[0]).stem
    names = [name for name in programs_in(text) if name]
    return next((name for name in names if not _DULL.fullmatch(name)), names[0] if names else "command")


def _stem(program: str) -> str:
    return Path(program).stem or "command"
