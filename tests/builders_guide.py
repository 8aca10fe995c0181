"""Guides typed again: every command on a page runs, and prints what the page shows.

On a page `[...]` on a line of its own stands for lines that are left out. Run ids, times of the day, durations,
sizes and lines of steersman.toml may differ; an id that a later command names is the one that was really printed in its
place.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from steersman.cli.main import run
from steersman.kernel.clock import SystemClock

GUIDES = Path(__file__).parents[1] / "docs" / "guide"
MONDAY = 1_796_040_000_000_000_000
"""Monday, 30 November 2026, 12:00 UTC: the guides are read at noon, so that what comes next is what they show."""
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_RUN_ID = re.compile(r"\b[a-z_]+-\d{8}T\d{6}Z-[0-9a-f]{6,12}\b")
_LEFT_OUT = "[...]"
_MARGIN = re.compile(r"^\+?#? *")
"""What stands before each line of a proposed comment, wherever it wraps."""
_DAY = re.compile(r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d\d [A-Z][a-z]{2}\b")
"""A day that is today's, unless a page is read at noon."""
_CHANGES = (
    (_RUN_ID, "RUN"),
    (re.compile(r"\[[0-9a-f]{8}\]"), "[MARK]"),
    (re.compile(r"steersman\.toml:\d+"), "steersman.toml:LINE"),
    (re.compile(r"\b\d{8}T\d{6}\.\d+-(\w+)-[0-9a-f]+\b"), r"\1"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\dZ?"), "INSTANT"),
    (re.compile(r"\b\d\d:\d\d(?::\d\d)?\b"), "TIME"),
    (re.compile(r"\b\d+(?:\.\d+)? ?(?:ms|[smhd])\b(?: \d+ ?[smh]\b)?"), "SPAN"),
    (re.compile(r"\b\d+(?:\.\d+)? (?:k|M|G)?B\b"), "SIZE"),
    (re.compile(r"/usr(?:/local)?/bin/python3\S*"), "PYTHON"),
)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A command of a page (with its here documents) and what the page shows below it."""

    command: str
    shown: str


def steps(page: Path) -> list[Step]:
    """Return every command of a page, in order."""
    found: list[Step] = []
    for block in _BLOCK.findall(page.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, rest = part.partition("\n")
            if "<<" in command:
                document, _, rest = rest.partition("END\n")
                command = f"{command}\n{document}END"
            while command.endswith("\\"):
                more, _, rest = rest.partition("\n")
                command = f"{command[:-1]}{more.removeprefix('>').strip()}"
            found.append(Step(command=command, shown=rest))
    return found


class Reader:
    """Somebody who types a page in a folder of his own."""

    def __init__(
        self,
        root: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        *,
        replaced: Mapping[str, str] | None = None,
        played: Mapping[str, Callable[[], None]] | None = None,
        at_noon: bool = False,
    ) -> None:
        """Prepare to type.

        Args:
            replaced: words of the page -> what stands for them here, such as ports.
            played: how a command begins that is not typed here -> what is done instead.
            at_noon: it is the noon of `MONDAY` for this process; those it starts go by the real clock.
        """
        self._root, self._patch, self._capsys = root, monkeypatch, capsys
        self._replaced, self._played = dict(replaced or {}), dict(played or {})
        self._ids: dict[str, str] = {}
        self._days = _DAY if not at_noon else None
        if at_noon:
            began = SystemClock().elapsed_ns()
            monkeypatch.setattr(SystemClock, "now_ns", lambda clock: MONDAY + clock.elapsed_ns() - began)
        monkeypatch.setenv("COLUMNS", "80")
        for name in ("STEERSMAN_DIR", "STEERSMAN_RUN_ID", "STEERSMAN_WORKSPACE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.chdir(root)

    def type(self, step: Step) -> str:
        """Run one command and return what it printed, with the words of the page."""
        command = step.command
        for beginning, play in self._played.items():
            if command.startswith(beginning):
                play()
                return ""
        for word, real in (*self._replaced.items(), *self._ids.items()):
            command = command.replace(word, real)
        words = shlex.split(command.partition("\n")[0])
        if words[0] == "cd":
            self._patch.chdir(words[1])
            return ""
        if words[0] == "export":
            self._patch.setenv(*words[1].split("=", 1))
            return ""
        if words[0] == "steersman" and not {"|", ">", "&"} & set(words):
            assert run(words[1], words[2:]) in (0, 1, 2), command
            said = self._capsys.readouterr()
            printed = said.err + said.out  # progress goes to stderr, what came of it to stdout
        else:
            environment = {**os.environ, "LC_ALL": "C"}
            done = subprocess.run(
                ["bash", "-c", command], check=False, capture_output=True, text=True, env=environment, timeout=60
            )
            printed = done.stdout + done.stderr
        for word, real in self._replaced.items():
            printed = printed.replace(real, word)
        self._ids.update(zip(_RUN_ID.findall(step.shown), _RUN_ID.findall(printed), strict=False))
        return printed.replace(str(self._root), "~")

    def same(self, step: Step, printed: str) -> bool:
        """Say whether what was printed is what the page shows."""
        if self._days is not None:
            step = msgspec.structs.replace(step, shown=self._days.sub("DAY", step.shown))
            printed = self._days.sub("DAY", printed)
        parts = [_plain(part) for part in step.shown.split(_LEFT_OUT)]
        rest = _plain(printed)
        if len(parts) == 1:
            return rest == parts[0]
        at = 0
        for number, part in enumerate(parts):
            found = rest.find(part, at) if number else (0 if rest.startswith(part) else -1)
            if found < 0:
                return False
            at = found + len(part)
        return rest.endswith(parts[-1])


def _plain(text: str) -> str:
    """Return text without what may differ, on one line: where it wraps depends on the length of paths and ids."""
    text = " ".join(" ".join(_MARGIN.sub("", line) for line in text.splitlines()).split())
    for pattern, word in _CHANGES:
        text = pattern.sub(word, text)
    return text


def links(page: Path) -> Iterator[str]:
    """Yield where the links of a page lead, those to the web left out."""
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            yield target
