"""The help of `content`: a newcomer finds the path, no line is cut, and every command can be read by programs."""

from __future__ import annotations

import pytest
import typer.main

from steersman.cli import content
from steersman.cli.main import run

GROUP = typer.main.get_command(content.app)
NAMES = sorted(getattr(GROUP, "commands", {}))


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run("content", [*arguments, "--help"]) == 0
    return capsys.readouterr().out


def test_commands_stand_in_groups_in_the_order_of_a_pieces_life(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    page = shown(capsys)
    headings = ["Write and check:", "Style and second opinions:", "Review:", "Publish:", "Measure and learn:"]
    places = [page.index(heading) for heading in headings]
    assert places == sorted(places)
    assert "Commands:" not in page, "every command belongs to a group"
    assert "..." not in page.partition("Options:")[2].partition("A first post")[0], "a description was cut"
    assert all(len(line) <= 80 for line in page.splitlines())


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself_and_speaks_json(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    page = shown(capsys, name)
    assert all(len(line) <= 80 for line in page.splitlines())
    assert "[[" not in page, "a word for an argument brings its own brackets"
    if "Commands:" not in page:
        assert "--json" in page
