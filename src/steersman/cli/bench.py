"""`steersman bench`: what it costs, measured here and now against limits and peers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from steersman.cli.context import AsJson, single
from steersman.cli.output import console, emit, show_table
from steersman.kernel.errors import Misconfigured, SteersmanError

if TYPE_CHECKING:
    from rich.text import Text

    from steersman.bench.row import Row

app = single("Measure against the targets; a missed target is shown, never left out.")
BENCHES: Final = (
    "gate", "commit", "group", "wake", "replay", "order", "auto", "pull", "audit", "qa", "slots", "start", "idle",
)  # fmt: skip


@app.command()
def bench(
    names: Annotated[list[str] | None, typer.Argument(help=f"Which: {', '.join(BENCHES)}. All when none.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the measurements; exits 0 whether or not targets are met."""
    chosen = tuple(dict.fromkeys(names or BENCHES))
    unknown = [name for name in chosen if name not in BENCHES]
    if unknown:
        raise Misconfigured(f"there is no bench {unknown[0]!r}", fix=f"choose from: {', '.join(BENCHES)}")
    rows = []
    for number, name in enumerate(chosen, 1):
        sys.stderr.write(f"bench {name} ({number} of {len(chosen)}) ...\n")
        sys.stderr.flush()
        rows += _measure(name)
    emit(as_json, rows, lambda: _render(rows))


def _measure(name: str) -> list[Row]:
    """Run one bench; what stops it is a row, so that the others are still measured."""
    import importlib  # each bench brings its own weight

    from steersman.bench.row import not_measured  # `--help` needs no bench

    try:
        found: list[Row] = importlib.import_module(f"steersman.bench.{name}").run()
    except SteersmanError as exc:
        return [not_measured(name, "not measured", "", None, str(exc).replace("\n ", ";"))]
    return found


def _render(rows: Sequence[Row]) -> None:
    show_table(
        "",
        [("bench", "left"), ("what", "left"), ("median", "right"), ("range", "right"), ("target", "right"), ("", "")],
        [
            [row.bench, _what(row), _figure(row.value, row.unit), _spread(row), _target(row), _verdict(row)]
            for row in rows
        ],
        empty="nothing was measured",
    )
    missed = [row for row in rows if row.met is False]
    measured = [row for row in rows if row.met is not None]
    console().print(f"{len(measured) - len(missed)} of {len(measured)} targets met", markup=False)


def _what(row: Row) -> str:
    versus = f"\nagainst {row.compared_with}" if row.compared_with else ""
    return row.metric + versus + (f"\n({row.note})" if row.note else "")


def _figure(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{_number(value)} {unit}".strip()


def _spread(row: Row) -> str:
    return "" if row.low is None or row.high is None else f"{_number(row.low)}-{_number(row.high)}"


def _target(row: Row) -> str:
    return "" if row.target is None else _number(row.target)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _verdict(row: Row) -> Text:
    from rich.text import Text  # only the human form needs it

    if row.met is None:
        return Text("" if row.value is not None else "not measured", style="yellow")
    return Text("met", style="green") if row.met else Text("MISSED", style="bold red")
