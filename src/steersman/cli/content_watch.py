"""`steersman content watch`: check a draft each time it is saved, and say what changed."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.content_output import finding_lines, heading
from steersman.cli.content_words import Paths
from steersman.cli.context import HERE, Dir, opened
from steersman.cli.output import console
from steersman.cli.terminal import plain, say
from steersman.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from steersman.content.qa.watch import Look

Wait = Callable[[float], bool]


def watch(
    paths: Paths = None,
    every: Annotated[float, typer.Option("--every", help="Seconds between two looks.", min=0.05, max=60)] = 0.25,
    directory: Dir = HERE,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line for each check.")] = False,
) -> None:
    """Check drafts when they are saved; records nothing. Ctrl-C ends it."""
    with contextlib.suppress(KeyboardInterrupt):
        watching(directory, list(paths or ()), every, Event().wait, as_json=as_json)


def watching(directory: Path, paths: list[Path], every_s: float, wait: Wait, *, as_json: bool = False) -> None:
    """Look again and again, until `wait` says true; settings, vocabulary and baseline are read anew when they change.

    Raises:
        Misconfigured: the workspace cannot be opened at the start; later, that is only said.
    """
    is_first = True
    while True:
        try:
            if _until_settings_change(directory, paths, every_s, wait, as_json=as_json):
                return
        except Misconfigured as exc:
            if is_first:
                raise
            console(error=True).print(plain(str(exc)))
            if wait(max(every_s, 1.0)):
                return
        is_first = False


def _until_settings_change(directory: Path, paths: list[Path], every_s: float, wait: Wait, *, as_json: bool) -> bool:
    """Return True when `wait` said so, False when the settings changed."""
    from steersman.bootstrap.content import actor, checker  # `--help` needs no domain
    from steersman.content.drafts import find_drafts
    from steersman.content.qa.baseline import path_of
    from steersman.content.qa.watch import Watcher

    with opened(directory, paths) as desk:
        root, settings = desk.workspace.root, desk.workspace.content.qa
        first_pass = checker(desk, actor=actor())
        watcher = Watcher(
            root=root,
            settings=first_pass.settings,
            names=lambda: find_drafts(root, settings, paths),
            findings=first_pass.findings,
            clock=desk.clock,
        )
        deciding = [root / "steersman.toml", root / settings.vocabulary, path_of(root, settings.folder)]
        before = [_changed_at(path) for path in deciding]
        if not as_json:
            say(f"watching {settings.folder}/: save a draft to check it, Ctrl-C ends it")
        while [_changed_at(path) for path in deciding] == before:
            for look in watcher.look():
                _print_json(look) if as_json else _show(look)
            if wait(every_s):
                return True
    return False


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _print_json(look: Look) -> None:
    import msgspec  # only --json needs it here

    report = look.report
    told = {
        "draft": report.draft, "outcome": report.outcome, "reason": report.reason, "line": report.line,
        "fix": report.fix, "is_first": look.is_first, "took_ms": look.took_ms, "gone": look.gone, "new": look.new,
    }  # fmt: skip
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    sys.stdout.flush()


def _show(look: Look) -> None:
    out = console()
    line = heading(look.report)
    if not look.is_first:
        line.append(f"  {look.took_ms:.0f} ms", style="dim")
    out.print(line)
    if look.report.outcome == "refused":
        out.print(plain(f"  {look.report.draft}:{look.report.line or 1}  {look.report.reason}"))
        out.print(plain(f"    fix: {look.report.fix}"))
    for one in look.gone:
        out.print(plain(f"  gone  {one.source}/{one.rule}  “{one.excerpt[:50]}”"), style="green")
    for finding in look.new:
        out.print(finding_lines(finding))
