"""`steersman content publish`: what passed goes out, each exactly once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.content_words import Paths, word
from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit
from steersman.kernel.errors import SteersmanError

if TYPE_CHECKING:
    from steersman.content.publishing.publisher import Intent, Outcome


def publish(
    paths: Paths = None,
    due: Annotated[bool, typer.Option("--due", help="Only drafts whose date has come; for schedules.")] = False,
    channel: Annotated[str | None, typer.Option("--channel", help="Only on this channel.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Publish ready drafts that pass, each exactly once; an edited one replaces what is out.

    Exits 1 if a channel failed, or (without --due) if a draft was stopped.
    """
    from steersman.bootstrap import content  # `--help` needs no domain
    from steersman.content.publishing.intents import DOES, STOPPED

    with opened(directory, paths) as desk:
        publisher = content.publisher(desk, only=channel, actor=content.actor())
        intents = publisher.intents(paths or (), due=due)
        wanted = [intent for intent in intents if intent.action in DOES]
        if dry_run or not wanted:
            emit(as_json, intents, lambda: _show_intents(intents))
            _exit(stopped=any(one.action in STOPPED for one in intents) and not due)
            return
        if not yes:
            _ask(intents, as_json=as_json)
        outcomes = publisher.publish_all(paths or (), due=due)
    emit(as_json, outcomes, lambda: _show_outcomes(outcomes))
    stopped = any(one.outcome in STOPPED for one in outcomes)
    _exit(stopped=any(one.is_trouble for one in outcomes) or (stopped and not due))


def _exit(*, stopped: bool) -> None:
    if stopped:
        raise typer.Exit(1)


def _ask(intents: list[Intent], *, as_json: bool) -> None:
    if as_json or not sys.stdin.isatty():
        if not as_json:
            _show_intents(intents)
        raise SteersmanError("nothing was published: there is nobody to ask", fix="add --yes, or look with --dry-run")
    _show_intents(intents)
    if not typer.confirm("Publish?"):
        raise SteersmanError("nothing was published", fix="steersman content publish --dry-run shows it again")


def _show_intents(intents: list[Intent]) -> None:
    show_lines([(i.action, i.draft, i.channel, i.reason) for i in intents])


def _show_outcomes(outcomes: list[Outcome]) -> None:
    show_lines([(o.outcome, o.draft, o.channel, o.url or o.reason) for o in outcomes])


def show_lines(
    lines: list[tuple[str, str, str, str]],
    *,
    empty: str = "no drafts to publish: write one, then steersman content check",
) -> None:
    """Print what is or would be done, with the address or the reason on a line of its own: neither fits a column."""
    from rich.padding import Padding  # only the human form needs it
    from rich.text import Text

    out = console()
    if not lines:
        out.print(empty, markup=False)
    for what, draft, channel, why in lines:
        shown = word(what)
        shown.pad_right(max(0, 12 - len(what)))
        out.print(Text.assemble(shown, draft, (f"  on {channel}" if channel != "-" else "", "dim")))
        if why:
            # An address is left whole, so that a terminal makes a link of it.
            is_address = "://" in why and " " not in why
            told = Text(why, style="dim", overflow="ignore" if is_address else "fold", no_wrap=is_address)
            out.print(Padding(told, (0, 0, 0, 12), expand=False))
