"""`steersman content packs`: the house styles there are, and one of them as it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit, show_table


def packs(
    show: Annotated[str | None, typer.Option("--show", help="Print this ready pack, to copy and change.")] = None,
    check: Annotated[Path | None, typer.Option("--check", help="Say whether this file is a pack.")] = None,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """List the house styles that come with the program and those this workspace uses."""
    from steersman.content.qa.packs import load, ready_names, ready_text  # `--help` needs no domain

    if show is not None:
        text = ready_text(show)
        emit(as_json, {"pack": show, "text": text}, lambda: print(text, end=""))
        return
    if check is not None:
        path = check.absolute()
        pack = load(path.name, path.parent)
        emit(as_json, {"name": pack.pack.name, "ok": True}, lambda: console().print(f"{check} is a pack", markup=False))
        return
    used, root = _used(directory)
    rows = []
    for name in [*ready_names(), *(name for name in used if name not in ready_names())]:
        pack = load(name, root)
        rows.append(
            {"pack": name, "used": name in used, "describes": pack.pack.describes, "gates": list(pack.pack.gates),
             "terms": len(pack.terms), "banned": len(pack.banned)}
        )  # fmt: skip
    emit(as_json, rows, lambda: _show(rows))


def _used(directory: Path) -> tuple[tuple[str, ...], Path]:
    """Return the packs of the workspace and its root; none where there is none yet: the list is of use there too."""
    from steersman.bootstrap.workspace import find_root  # as above
    from steersman.kernel.errors import Misconfigured

    try:
        find_root(directory)
    except Misconfigured:
        return (), Path()
    with opened(directory) as desk:
        return desk.workspace.content.qa.packs, desk.workspace.root


def _show(rows: list[dict[str, Any]]) -> None:
    show_table(
        "",
        [("pack", "left"), ("used", "left"), ("terms", "right"), ("banned", "right"), ("for", "left")],
        [[r["pack"], "yes" if r["used"] else "", r["terms"], r["banned"], r["describes"]] for r in rows],
        empty="",
    )
    if not any(row["used"] for row in rows):
        console().print('none is used: write packs = ["plain"] under [content] in steersman.toml', markup=False)
