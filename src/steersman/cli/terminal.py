"""Text from outside (notes, reasons, ids of signals) on the operator's terminal: shown, never obeyed."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from steersman.cli.output import console, show_table


def plain(value: object) -> Text:
    """Return `value` as literal text: no markup, and no control character that could drive the terminal."""
    if isinstance(value, Text):
        return value
    return Text("".join(c if c == "\n" or c.isprintable() else "\ufffd" for c in str(value)))


def say(*parts: object) -> None:
    """Print one line (or paragraph) of literal text, its parts put together."""
    console().print(Text("").join(plain(part) for part in parts))


def list_rows(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """Print a table of literal cells, or the sentence `empty`; columns as in `show_table`."""
    show_table("", columns, [[plain(cell) for cell in row] for row in rows], empty=empty)
