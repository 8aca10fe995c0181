"""The command line as it is typed, and what it printed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from steersman.cli.main import run


class Said:
    """Runs commands and keeps what the last one printed.

    Args:
        begin: words that every command begins with.
        columns: what no line of the output may be wider than; None: any width.
    """

    def __init__(self, capsys: pytest.CaptureFixture[str], *begin: str, columns: int | None = None) -> None:
        self._capsys = capsys
        self._begin = begin
        self._columns = columns
        self.out = ""
        self.err = ""

    def __call__(self, *words: str) -> int:
        """Return the exit code."""
        code = self._run(*words)
        if self._columns is not None:
            assert all(len(line) <= self._columns for line in self.out.splitlines()), self.out
        return code

    def json(self, *words: str) -> Any:
        """Return what the command says with --json, whatever its exit code."""
        self._run(*words, "--json")
        return json.loads(self.out)

    def _run(self, *words: str) -> int:
        noun, *arguments = (*self._begin, *words)
        code = run(noun, arguments)
        self.out, self.err = self._capsys.readouterr()
        return code
