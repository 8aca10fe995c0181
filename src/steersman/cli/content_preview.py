"""`steersman content preview`: exactly what each channel would be shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit

if TYPE_CHECKING:
    from steersman.content.publishing.variants import Variant


def preview(
    draft: Annotated[Path, typer.Argument(metavar="DRAFT", help="The draft.")],
    channel: Annotated[str | None, typer.Option("--channel", help="Only for this channel.")] = None,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Show what each channel would be shown, counted as it counts; exits 1 if something cannot go out as it is."""
    from steersman.bootstrap import content  # `--help` needs no domain

    with opened(directory, [draft]) as desk:
        found = content.previews(desk, draft, only=channel)
    shown = [{**_fields(one), "count": one.count} for one in found]
    emit(as_json, shown, lambda: _show(found))
    if any(one.problems for one in found):
        raise typer.Exit(1)


def _fields(one: Variant) -> dict[str, object]:
    import msgspec  # only --json needs it here

    return {name: msgspec.to_builtins(getattr(one, name)) for name in one.__struct_fields__}


def _show(found: list[Variant]) -> None:
    for one in found:
        _show_one(one)


def _show_one(one: Variant) -> None:
    from rich.padding import Padding  # only the human form needs it
    from rich.text import Text

    out = console()
    count = f"  {one.count}" + ("  whole piece" if one.shows == "body" else "") if one.body or one.text else ""
    out.print(Text.assemble((one.channel, "bold"), (count, "dim")))
    if one.shows == "body":
        facts = [f"title: {one.title}", *([f"summary: {one.summary}"] if one.summary else [])]
        facts += [f"tags: {', '.join(one.tags)}"] if one.tags else []
        out.print(Padding(Text("\n".join(facts)), (0, 0, 0, 2), expand=False))
    elif one.text:
        out.print(Padding(Text(one.text), (0, 0, 0, 2), expand=False))
    for media in one.media:
        out.print(Padding(Text(f"{media.name}  {media.size_bytes:,} bytes  “{media.alt}”", style="dim"), (0, 0, 0, 2)))
    for note in one.notes:
        out.print(Padding(Text(f"note: {note}", style="yellow"), (0, 0, 0, 2)))
    for problem in one.problems:
        out.print(Padding(Text(f"cannot go out: {problem}", style="bold red"), (0, 0, 0, 2)))
    out.print()
