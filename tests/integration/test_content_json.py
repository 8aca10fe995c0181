"""docs/reference/content-json.md, asked again: every command prints the fields that stand there."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from tests.builders_content import write_draft

from steersman.cli.main import run

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "content-json.md"
ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
TOML = """
[content]
[channel.site]
kind = "site"
base_url = "https://example.com/"
[channel.other]
kind = "site"
folder = "other"
base_url = "https://example.com/other/"
"""


def test_every_command_prints_the_fields_that_are_documented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("STEERSMAN_DIR", "STEERSMAN_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q", "."], check=True)
    (tmp_path / "steersman.toml").write_text(TOML, encoding="utf-8")
    (tmp_path / "figures.csv").write_text("id,published,likes\na,2025-11-02 09:00,31\n", encoding="utf-8")
    write_draft(tmp_path, "one.md", body="I recieve it.\n")
    write_draft(tmp_path, "two.md", body="It is fine.\n")
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert len(rows) > 20
    for command, prints, fields in rows:
        assert run("content", [*shlex.split(command), "--json"]) in (0, 1), command
        printed = json.loads(capsys.readouterr().out)
        assert isinstance(printed, list) == prints.startswith("list of"), command
        one = printed[0] if isinstance(printed, list) else printed
        assert list(one) == re.findall(r"`([^`]+)`", fields), command
