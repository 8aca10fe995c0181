"""`steersman doctor`: what is missing and how to mend it; --crash, --kill and --publish-kill prove by counting."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.context import HERE, AsJson, Dir, single
from steersman.cli.output import console, emit, show_table
from steersman.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from steersman.bootstrap.doctor import Diagnosis

app = single("Explain what is missing; prove crash safety with --crash, --kill, --publish-kill N.")
_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@app.command()
def doctor(
    crash: Annotated[
        int | None, typer.Option("--crash", min=1, help="Cut the power of a simulated disk N times, three ways.")
    ] = None,
    kill: Annotated[
        int | None,
        typer.Option("--kill", min=1, help="Kill a trading core N times with SIGKILL, at a step drawn at random."),
    ] = None,
    publish_kill: Annotated[
        int | None,
        typer.Option("--publish-kill", min=1, help="Publish N posts per channel under SIGKILL and faults; count them."),
    ] = None,
    channel: Annotated[
        list[str] | None, typer.Option("--channel", help="Of --publish-kill: only this kind; may be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Which cuts; the same seed makes the same.")] = 1,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Look at machine and workspace; exits 1 if something must be mended."""
    if crash is not None:
        _crash(crash, seed, as_json)
        return
    if kill is not None:
        _kill(kill, seed, as_json)
        return
    if publish_kill is not None:
        _publish_kill(publish_kill, channel or [], seed, as_json)
        return
    if channel:
        raise Misconfigured("--channel is of --publish-kill", fix="add --publish-kill 200")
    from steersman.bootstrap.doctor import examine  # `--help` needs no domain

    found = examine(directory)
    emit(as_json, found, lambda: _render(found))
    if any(d.level == "fail" for d in found):
        raise typer.Exit(1)


def _render(found: list[Diagnosis]) -> None:
    from rich.text import Text  # only the human form needs it

    rows = [
        [Text(d.level, style=_STYLES[d.level]), d.name, d.found + (f"\nfix: {d.fix}" if d.fix else "")] for d in found
    ]
    show_table("", [("", "left"), ("what", "left"), ("found", "left")], rows, empty="")


def _crash(images: int, seed: int, as_json: bool) -> None:
    from steersman.bootstrap.proof import crash  # the simulator is no part of a normal start

    def progress(text: str) -> None:
        sys.stderr.write(text + "\n")

    report = crash(images, seed=seed, on_progress=progress)

    def render() -> None:
        modes = {name: mode for name, mode in report.items() if isinstance(mode, dict)}
        show_table(
            "power cut at random instants of a simulated disk",
            [("mode", "left"), ("images", "right"), ("lost", "right"), ("corrupt", "right"), ("must", "left")],
            [
                [name, m["images"], m["lost"], m["corrupt"], "lose nothing" if name == "full" else "fail (control)"]
                for name, m in modes.items()
            ],
            empty="",
        )
        console().print("proven" if report["ok"] else "NOT proven: see above", markup=False)

    emit(as_json, report, render)
    if not report["ok"]:
        raise typer.Exit(1)


def _kill(kills: int, seed: int, as_json: bool) -> None:
    from steersman.bootstrap.proof import kill  # nor is this

    report = kill(kills, seed=seed, on_progress=lambda text: print(text, file=sys.stderr, flush=True))

    def render() -> None:
        rows = [
            ["orders sent twice", report.orders_sent_twice],
            ["orders lost", report.orders_lost],
            ["fills lost", report.fills_lost],
            ["fills invented", report.fills_invented],
            ["desks whose position differs", report.positions_differ],
        ]
        title = f"{report.kills} kills over {report.desks} desks, {report.orders} orders, {report.fills} fills"
        show_table(title, [("what", "left"), ("found", "right")], rows, empty="")
        for problem in report.problems:
            console().print(problem, markup=False)
        console().print("proven" if report.ok else "NOT proven: see above", markup=False)

    emit(as_json, report, render)
    if not report.ok:
        raise typer.Exit(1)


def _publish_kill(publishes: int, kinds: list[str], seed: int, as_json: bool) -> None:
    from steersman.bootstrap.proof.publishing import publish_kill  # nor is this

    found = publish_kill(
        publishes, only=kinds, seed=seed, on_progress=lambda text: print(text, file=sys.stderr, flush=True)
    )
    ok = all(one.ok for one in found.values())

    def render() -> None:
        columns = ("publishes", "updates", "kills", "faults", "duplicates", "lost", "unconfirmed", "wrong")
        rows = [[kind, *(getattr(one, name) for name in columns)] for kind, one in found.items()]
        show_table(
            "posts under kill -9 at any step and spoiled answers",
            [("channel", "left"), ("posts", "right"), *((name, "right") for name in columns[1:])],
            rows,
            empty="",
        )
        for kind, one in found.items():
            for problem in one.problems:
                console().print(f"{kind}: {problem}", markup=False)
        console().print("proven" if ok else "NOT proven: see above", markup=False)

    emit(as_json, found, render)
    if not ok:
        raise typer.Exit(1)
