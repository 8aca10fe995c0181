"""Text from outside (notes, reasons, ids of signals) on the operator's terminal: shown, never obeyed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from steersman.cli.output import console

_NAME_WIDTH: Final = 36


def plain(value: object) -> Text:
    """Return `value` as literal text: no markup, and no control character that could drive the terminal."""
    if isinstance(value, Text):
        return value
    return Text("".join(c if c == "\n" or c.isprintable() else "\ufffd" for c in str(value)))


def say(*parts: object) -> None:
    """Print one line (or paragraph) of literal text, its parts put together; a path, however long, is whole."""
    out, line = console(), Text("").join(plain(part) for part in parts)
    out.print(line, soft_wrap=max(map(len, line.plain.split()), default=0) > out.width)


def list_facts(facts: Sequence[tuple[object, object]], *, indent: int = 2) -> None:
    """Print names and what is to say of each; a long one goes on under its beginning."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(plain(name), plain(value))
    console().print(Padding(table, (0, 0, 0, indent)))


def list_rows(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """Print a table of literal cells, or the sentence `empty`; columns as in `show_table`.

    The first column names the row: it keeps its width, up to `_NAME_WIDTH`, so that an id can be copied.
    """
    if not rows:
        say(empty)
        return
    cells = [[plain(cell) for cell in row] for row in rows]
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for place, (heading, justify) in enumerate(columns):
        width = max(len(heading), *(row[0].cell_len for row in cells)) if place == 0 else None
        table.add_column(
            heading,
            justify="right" if justify == "right" else "left",
            overflow="fold",
            width=None if width is None else min(width, _NAME_WIDTH),
        )
    for row in cells:
        table.add_row(*row)
    console().print(table)
