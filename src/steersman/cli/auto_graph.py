"""`steersman auto graph`: what needs what, in the terminal or as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from steersman.cli.auto_words import word
from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit, show_table
from steersman.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from rich.text import Text

_REST: Final = 40
"""Columns that the other two columns of the table need."""


def graph(
    svg: Annotated[Path | None, typer.Option("--svg", help="Write a picture to this file.")] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the picture in the browser.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Draw what needs what, what each start depends on, and how each went."""
    from steersman.automation import graph as words  # `--help` needs no domain
    from steersman.automation import graph_picture
    from steersman.automation.queries import summaries
    from steersman.bootstrap.engines import manifest_of
    from steersman.bootstrap.operating import held

    if show and svg is None:
        raise Misconfigured("--open needs a file to open", fix="add --svg graph.svg")
    with opened(directory) as desk:
        manifest = manifest_of(desk.workspace)
        still = held(desk, manifest)
        rows = summaries(desk.db, manifest, now_ns=desk.clock.now_ns(), held=still)
    status = {row.automation: row.last_status for row in rows}
    paused = {row.automation: row.paused for row in rows if row.paused}
    if svg is not None:
        spoken = {
            name: "paused" if name in paused else (word or "never ran").replace("_", " ")
            for name, word in status.items()
        }
        svg.write_text(graph_picture.svg(manifest, spoken, alone=True), encoding="utf-8")

    def render() -> None:
        if svg is not None:
            console().print(f"written: {svg}", markup=False, soft_wrap=True)
            if show and not _opened(svg):
                console().print("no browser could be started here: open the file yourself")
            return
        lines = [
            (drawn, word(status[name]), still[name].brief if name in still else start)
            for drawn, name, start in words.rows(manifest)
        ]
        columns = [("automation", "left"), ("last", "left"), ("starts", "left")]
        if max((len(drawn) for drawn, _, _ in lines), default=0) > console().width - _REST:
            _stacked(lines)
            return
        show_table("", columns, lines, empty="no automations yet: add [automation.NAME] to steersman.toml")

    nodes = [
        {
            "name": a.name,
            "needs": a.needs,
            "starts": words.when(a),
            "last": status[a.name],
            "paused": paused.get(a.name, ""),
        }
        for a in manifest
    ]
    emit(as_json, nodes, render)


def _stacked(lines: Sequence[tuple[str, Text, str]]) -> None:
    """Print each in two lines: names that are too long for a column would be broken, and the tree with them."""
    from rich.padding import Padding  # only the human form needs it
    from rich.text import Text

    for drawn, status, start in lines:
        console().print(Text.assemble(drawn, "  ", status), soft_wrap=True)
        depth = len(drawn) - len(drawn.lstrip("│├└─ "))
        console().print(Padding(Text(start, style="dim"), (0, 0, 0, depth + 4)))


def _opened(path: Path) -> bool:
    import webbrowser  # only when it is asked for

    return webbrowser.open(path.resolve().as_uri())
