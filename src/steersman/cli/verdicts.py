"""Verdicts as `steersman signal` shows them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from steersman.cli.terminal import list_rows
from steersman.kernel.clock import iso

if TYPE_CHECKING:
    from rich.text import Text

    from steersman.trading.queries import VerdictRow

COLOURS: Final = {"accept": "green", "adjust": "yellow", "hold": "yellow", "reject": "bold red"}


def list_verdicts(rows: Sequence[VerdictRow], *, empty: str) -> None:
    """Print one line per verdict, or the sentence `empty`."""
    list_rows(
        [("signal", "left"), ("day", "left"), ("wants", "left"), ("verdict", "left")],
        [
            [
                row.signal_id,
                iso(row.at)[:10],
                f"{row.side} {row.asked:f} {row.instrument}",
                outcome_text(row.outcome, row.quantity, row.failed),
            ]
            for row in rows
        ],
        empty=empty,
    )


def outcome_text(outcome: str, quantity: Decimal, failed: tuple[str, ...]) -> Text:
    """Return an outcome in its colour, with the smaller size or the checks that failed."""
    from rich.text import Text  # `--help` draws nothing

    word = Text(outcome, style=COLOURS.get(outcome, ""))
    if outcome == "adjust":
        word.append(f" to {quantity:f}")
    if failed:
        word.append(f": {', '.join(failed)}")
    return word
