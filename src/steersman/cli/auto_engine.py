"""`steersman auto engine`: how the engine is, what a deployment changes, files for engines that read files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_type_hints

import typer

from steersman.cli.auto_worker import worker
from steersman.cli.context import HERE, AsJson, Dir, noun, opened
from steersman.cli.output import emit
from steersman.cli.terminal import list_rows, say
from steersman.kernel.errors import Misconfigured, Rejected

if TYPE_CHECKING:
    from steersman.automation import Engine
    from steersman.automation.ports import Deployed, EngineStatus
    from steersman.bootstrap.desk import Desk

app = noun("What runs the automations: how it is, bring the manifest to it, one more worker.")
app.command(short_help="One more worker of this workspace (dbos).")(worker)
Kind = Annotated[
    str | None, typer.Option("--engine", metavar="KIND", help="Another engine than [engine]; set up by [engine.KIND].")
]
_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@app.command(short_help="How the engine is, and what to mend.")
def status(engine: Kind = None, directory: Dir = HERE, as_json: AsJson = False) -> None:
    """Say how the engine is, with the way to mend what is not well; exits 1 if something failed."""
    with _engine(engine, directory) as (_, found):
        looked = found.status()
    data = {
        "engine": looked.engine,
        "version": looked.version,
        "ok": looked.ok,
        "deployed": looked.deployed,
        "facts": looked.facts,
    }
    emit(as_json, data, lambda: _show_status(looked))
    if not looked.ok:
        raise typer.Exit(1)


@app.command(short_help="Bring the manifest to an engine with a server.")
def deploy(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    engine: Kind = None,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Bring the manifest to an engine that keeps schedules on a server of its own; shows the changes, and asks."""
    from steersman.automation.ports import Deploys  # `--help` needs no domain
    from steersman.bootstrap.engines import manifest_of

    if as_json and not (yes or dry_run):
        raise Misconfigured("--json cannot ask", fix="add --yes, or --dry-run to look first")
    with _engine(engine, directory) as (desk, found):
        if not isinstance(found, Deploys):
            raise _cannot(found.name, "deploy", "keeps no schedules on a server of its own")
        manifest = manifest_of(desk.workspace)
        change = found.deploy(manifest, dry_run=True)
        if not as_json:
            _show_change(change)
        if not dry_run and _changes(change):
            if not yes:
                _ask(change.engine)
            change = found.deploy(manifest)
            if not as_json:
                say(f"deployed: manifest {change.digest[:12]}")
    emit(as_json, change, lambda: None)


@app.command(short_help="Write the files that an engine reads (airflow).")
def export(
    folder: Annotated[Path, typer.Argument(help="Where the definitions go; older ones of ours there are replaced.")],
    engine: Kind = None,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Write the definitions of an engine that reads them from files."""
    from steersman.automation.ports import Exports  # as above
    from steersman.bootstrap.engines import manifest_of

    with _engine(engine, directory) as (desk, found):
        if not isinstance(found, Exports):
            raise _cannot(found.name, "export", "reads no definitions from files")
        files = found.export(manifest_of(desk.workspace), folder)
    emit(as_json, [str(file) for file in files], lambda: _show_files(files, folder))


@contextmanager
def _engine(kind: str | None, directory: Path) -> Iterator[tuple[Desk, Engine]]:
    """Yield the workspace and its engine, not started."""
    from steersman.bootstrap.engines import open_engine  # as above

    with opened(directory) as desk:
        found = open_engine(desk, kind=kind, actor="person:cli")
        try:
            yield desk, found
        finally:
            found.close()


def _cannot(name: str, verb: str, why: str) -> Misconfigured:
    able, where = _those_that(verb), " FOLDER" if verb == "export" else ""
    return Misconfigured(
        f"the {name} engine {why}: there is nothing to {verb}",
        fix=f"{' and '.join(able)} can: steersman auto engine {verb}{where} --engine {able[0]}"
        if able
        else "no installed engine can",
    )


def _those_that(verb: str) -> list[str]:
    """Return the installed engines whose type has the method `verb`; none is opened for it."""
    from steersman.bootstrap.plugins import factory, names  # as above

    return [name for name in names("engines") if hasattr(get_type_hints(factory("engines", name))["return"], verb)]


def _ask(engine: str) -> None:
    if not sys.stdin.isatty():
        raise Rejected(f"not deployed to {engine}: nobody was there to ask", fix="add --yes")
    if not typer.confirm(f"Deploy to {engine}?"):
        raise Rejected(f"not deployed to {engine}", fix="answer y, or add --yes")


def _changes(change: Deployed) -> bool:
    return bool(change.created or change.updated or change.removed)


def _show_status(found: EngineStatus) -> None:
    from rich.text import Text  # only the human form needs it

    follows = f", follows manifest {found.deployed[:12]}" if found.deployed else ""
    say(f"{found.engine} {found.version}{follows}")
    rows: list[list[object]] = [
        [
            fact.name,
            Text(fact.level, style=_STYLES[fact.level]),
            fact.found + (f"\nfix: {fact.fix}" if fact.fix else ""),
        ]
        for fact in found.facts
    ]
    list_rows([("what", "left"), ("", "left"), ("found", "left")], rows, empty="it says nothing about itself")


def _show_change(change: Deployed) -> None:
    for sign, names in (("+", change.created), ("~", change.updated), ("-", change.removed)):
        for name, difference in names.items():
            say(f"{sign} {name}" + (f": {difference}" if difference else ""))
    if change.unchanged:
        say(f"  unchanged: {', '.join(change.unchanged)}")
    for note in change.notes:
        say(f"! {note}")
    if not _changes(change):
        say(f"{change.engine} already follows this manifest")


def _show_files(files: list[Path], folder: Path) -> None:
    for file in files:
        say(f"written: {file}")
    if not files:
        print(f"nothing to write into {folder}", file=sys.stderr)
