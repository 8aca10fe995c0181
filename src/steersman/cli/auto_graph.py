"""`steersman auto graph`: what needs what, in the terminal or as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from steersman.cli.auto_words import word
from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit, show_table
from steersman.kernel.errors import Misconfigured


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
        rows = summaries(desk.db, manifest, now_ns=desk.clock.now_ns(), held=held(desk, manifest))
    status = {row.automation: row.last_status for row in rows}
    paused = {row.automation: row.paused for row in rows if row.paused}
    if svg is not None:
        spoken = {
            name: "paused" if name in paused else (word or "never ran").replace("_", " ")
            for name, word in status.items()
        }
        _write(svg, graph_picture.svg(manifest, spoken, alone=True))

    def render() -> None:
        if svg is not None:
            console().print(f"written: {svg}", markup=False, soft_wrap=True)
            if show and not _opened(svg):
                console().print("no browser could be started here: open the file yourself")
            return
        lines = [[drawn, word(status[name]), paused.get(name, start)] for drawn, name, start in words.rows(manifest)]
        columns = [("automation", "left"), ("last", "left"), ("starts", "left")]
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


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise Misconfigured(
            f"{path} cannot be written: {exc.strerror}", fix="name a file in a folder of yours"
        ) from exc


def _opened(path: Path) -> bool:
    import webbrowser  # only when it is asked for

    return webbrowser.open(path.resolve().as_uri())
