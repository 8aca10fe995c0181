"""docs/guide/content.md, typed again: every command in it runs, and says what the page shows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from steersman.cli.main import run

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "content.md"
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CHANGES = (
    (re.compile(r"\d{4}-\d\d-\d\d"), "DAY"),
    (re.compile(r"\b[0-9a-f]{8,16}\b"), "ID"),
    (re.compile(r"\b\d+ (?:s|m)\b(?: \d+ s)?"), "SPAN"),
)
"""What another day, machine or run says otherwise; everything else stands on the page as it is printed."""


def steps() -> list[tuple[str, str]]:
    """Return every command of the guide with what it shows, in order; here documents belong to their command."""
    found: list[tuple[str, str]] = []
    for block in _BLOCK.findall(GUIDE.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            first, _, rest = part.partition("\n")
            if "<<'END'" in first:
                document, _, rest = rest.partition("END\n")
                first = f"{first}\n{document}END"
            found.append((first, rest))
    return found


def same(text: str, root: Path) -> str:
    """Return `text` without what may differ, on one line: where it wraps depends on the path of the workspace."""
    text = " ".join(text.replace(str(root), "~").split())
    for pattern, word in _CHANGES:
        text = pattern.sub(word, text)
    return text


def test_the_guide_to_content_does_and_says_what_stands_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("STEERSMAN_DIR", "STEERSMAN_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    assert len(steps()) > 20
    for command, shown in steps():
        words = shlex.split(command.partition("\n")[0])
        if words[0] == "cd":
            monkeypatch.chdir(words[1])
        elif words[0] == "steersman":
            assert run(words[1], words[2:]) in (0, 1), command
            printed = capsys.readouterr()
            assert same(printed.out + printed.err, tmp_path) == same(shown, tmp_path), command
        else:
            environment = {**os.environ, "LC_ALL": "C"}
            subprocess.run(["bash", "-c", command], check=True, cwd=Path.cwd(), env=environment)


def test_every_page_the_guide_leads_to_is_there() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text)
    assert len(targets) > 3
    for target in targets:
        assert (GUIDE.parent / target).is_file(), target
