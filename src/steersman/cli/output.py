"""How results leave: JSON for programs, rich tables for people, the same facts in both."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text


def emit(as_json: bool, data: object, render: Callable[[], None]) -> None:
    """Print `data` as one JSON document, or call `render` for the human form."""
    if as_json:
        raw = msgspec.json.format(msgspec.json.encode(data, enc_hook=_encode_extra), indent=2)
        sys.stdout.write(raw.decode() + "\n")
    else:
        render()


def _encode_extra(value: object) -> object:
    """Say how types msgspec does not know leave as JSON."""
    return str(value)


class _Terminal(Console):
    def on_broken_pipe(self) -> None:
        # rich would end the process with 1; that a reader of ours (head, less) went away is no failure.
        raise BrokenPipeError


def console(*, error: bool = False) -> Console:
    """Return a terminal that falls back to 80 columns when it cannot ask."""
    return _Terminal(stderr=error, highlight=False, soft_wrap=False)


def show_table(
    title: str,
    columns: Sequence[tuple[str, str]],
    rows: Sequence[Sequence[Any]],
    *,
    empty: str,
    target: Console | None = None,
) -> None:
    """Print a table, or the sentence `empty` that says why there is nothing and what to do.

    Args:
        columns: heading and justification (`left`, `right`).
        rows: cells; text is taken literally (no markup), a rich `Text` as it is.
    """
    out = target or console()
    if not rows:
        out.print(Text(empty))
        return
    table = Table(
        title=title, title_justify="left", box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0)
    )
    for heading, justify in columns:
        table.add_column(heading, justify="right" if justify == "right" else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    out.print(table)


def mark(ok: bool) -> Text:
    """Return a word for yes or no; colour only underlines it."""
    return Text("ok", style="green") if ok else Text("FAIL", style="bold red")
