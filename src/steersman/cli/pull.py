"""`steersman pull`: shared data, as a preview, a file or a pipe."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from steersman.cli.context import HERE, AsJson, Dir, single
from steersman.cli.output import console, emit, show_table
from steersman.client.data import Data
from steersman.kernel.durations import seconds
from steersman.kernel.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    import polars as pl

TIMEOUT_S = 600.0
FORMATS = ("csv", "json", "arrow")
_OTHERS = (".xlsx", ".xls", ".ods", ".parquet", ".pq", ".jsonl", ".ndjson", ".feather", ".xml", ".html")
_WIDTH = 80
_GAP = 2
_LONGEST_TEXT = 2000

app = single("Shared data: asked for once, checked once, kept for everybody.")


@app.command()
def pull(
    what: Annotated[str, typer.Argument(metavar="NAME|URL", help="A [pull.NAME], or an https address.")] = "",
    param: Annotated[list[str] | None, typer.Option("--param", metavar="K=V", help="A declared parameter.")] = None,
    max_age: Annotated[str, typer.Option("--max-age", help="How old at most, e.g. 5m; 0s asks the source.")] = "",
    out: Annotated[str, typer.Option("--out", "-o", metavar="FILE|-", help="Write all of it; - is a pipe.")] = "",
    format_: Annotated[str, typer.Option("--format", help=" | ".join(FORMATS))] = "",
    head: Annotated[int, typer.Option("--head", "-n", min=0, help="Rows of the preview.")] = 10,
    status: Annotated[bool, typer.Option("--status", help="How every pull is, instead.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Show NAME: how it came, what was checked, its first rows. --json gives the receipt and where the file lies."""
    from steersman.bootstrap.asking import request  # `--help` needs no workspace

    if status:
        found = request(directory, "status", {}, timeout_s=TIMEOUT_S)
        rows, commons = found["pulls"], found.get("commons")
        emit(as_json, rows, lambda: _show_status(rows, commons))
        return
    if not what:
        raise Misconfigured("no NAME", fix="steersman pull NAME; `steersman pull --status` lists them")
    fields = {"what": what, "params": _params(param or []), "max_age_s": _age(max_age)}
    kind = _format(format_, out)
    value, data = _opened(directory, fields)
    if out:
        if data.frame != "bytes" and not format_ and Path(out).suffix.lower() in _OTHERS:
            raise Misconfigured(
                f"--out {out}: a table is written as {', '.join(FORMATS)}",
                fix="name a file of one of these, or say --format too",
            )
        _write(data, out, kind)
    if out != "-":
        emit(as_json, value, lambda: _show(value["pull"], data, head, out))


def _opened(directory: Path, fields: dict[str, Any]) -> tuple[dict[str, Any], Data]:
    """Return the answer and its file, open; asked again once if the cache let go of it in between."""
    from steersman.bootstrap.asking import request  # as above

    for _ in range(2):
        value = request(directory, "pull", fields, timeout_s=TIMEOUT_S)
        try:
            return value, Data(value)
        except FileNotFoundError:
            continue
    raise Unavailable(f"the cache let go of {fields['what']} twice", fix="raise `budget` under [cache]")


def _params(given: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise Misconfigured(f"found --param {text!r}, allowed: --param NAME=VALUE", fix="add the =")
        found[name.strip()] = value
    return found


def _age(text: str) -> float | None:
    if not text:
        return None
    try:
        return seconds(text)
    except ValueError as exc:
        raise Misconfigured(f"--max-age {text}: {exc}", fix="write e.g. --max-age 5m") from exc


def _format(asked: str, out: str) -> str:
    """Return the format to write in: as asked, else as the file's name says, else csv."""
    if asked and asked not in FORMATS:
        raise Misconfigured(f"there is no format {asked!r}", fix=f"choose one of {', '.join(FORMATS)}")
    suffix = Path(out).suffix.removeprefix(".")
    return asked or (suffix if suffix in FORMATS else "csv")


def _write(data: Data, out: str, kind: str) -> None:
    raw = _encoded(data, kind)
    if out == "-":
        sys.stdout.buffer.write(raw)
        sys.stdout.buffer.flush()
        return
    target = Path(out)
    fresh = target.with_name(f".{target.name}.new")
    try:
        fresh.write_bytes(raw)
        fresh.replace(target)  # readers see the old file or the new one, never half of one
    except OSError as exc:
        raise Misconfigured(
            f"{out} cannot be written: {exc.strerror}", fix="name a file in a folder that exists"
        ) from exc


def _encoded(data: Data, kind: str) -> bytes | memoryview:
    if data.frame == "bytes" or kind == "arrow":
        return data.mmap()
    table = data.polars()
    if kind == "json":
        import msgspec  # start-up time

        return msgspec.json.encode(table.to_dicts(), enc_hook=str) + b"\n"
    return table.write_csv().encode()


# -- for people ----------------------------------------------------------------------------------------------------


def _show(pull_name: str, data: Data, head: int, out: str) -> None:
    receipt = data.receipt
    size = (
        f"{receipt.rows:,} rows, {_size(receipt.size_bytes)}" if receipt.rows is not None else _size(receipt.size_bytes)
    )
    shown = console()
    name = receipt.source if pull_name == "ad hoc" else pull_name
    shown.print(f"{name}: {size}, {data.state.replace('_', ' ')}, {_span(data.age_s)} old", markup=False)
    if receipt.checks:
        shown.print(f"checked once: {', '.join(sorted(receipt.checks))}", markup=False)
    if data.state == "stale_on_error":
        shown.print("the source gave nothing of use; why: steersman pull --status", markup=False)
    if out:
        shown.print(f"written: {out}", markup=False)
    elif data.frame == "arrow":
        _show_rows(data.polars(), head)
    elif head:
        text = bytes(data.mmap()[:_LONGEST_TEXT]).decode("utf-8", "replace")
        shown.print("\n".join(_printable(line) for line in text.splitlines()[:head]), markup=False)


def _show_rows(table: pl.DataFrame, head: int) -> None:
    """Print the first rows with as many columns as 80 characters hold, and say which are left out."""
    if not head:
        return
    first = table.head(head)
    cells = {name: [_cell(value) for value in first[name]] for name in first.columns}
    shown: list[str] = []
    room = _WIDTH
    for name, column in cells.items():
        width = max(len(name), *(len(cell) for cell in column), 1) + _GAP
        if shown and width > room:
            break
        shown.append(name)
        room -= width
    kinds = [(name, "right" if first[name].dtype.is_numeric() else "left") for name in shown]
    rows = [[cells[name][row] for name in shown] for row in range(first.height)]
    console().print()
    show_table("", kinds, rows, empty="no rows")
    left = first.columns[len(shown) :]
    if left:
        console().print(f"not shown: {', '.join(left)}", markup=False)
    if table.height > head:
        console().print(f"the first {first.height} of {table.height:,} rows; --out FILE writes all", markup=False)


def _show_status(rows: list[dict[str, Any]], commons: dict[str, Any] | None) -> None:
    from steersman.kernel.clock import SystemClock  # start-up time

    now = SystemClock().now_ns()
    show_table(
        "",
        [
            ("pull", "left"),
            ("size", "right"),
            ("asked", "right"),
            ("served", "right"),
            ("last", "left"),
            ("", "left"),
        ],
        [
            [
                row["pull"],
                _size(row["size_bytes"]),
                f"{row['upstream_calls']:,}",
                f"{row['served']:,}",
                f"{_span(max(now - row['last_pulled_at'], 0) / 1e9)} ago" if row["last_pulled_at"] else "never",
                row["problem"],
            ]
            for row in rows
        ],
        empty="no pulls yet: add [pull.NAME] with url = ... to steersman.toml",
    )
    if commons is not None:
        import msgspec  # as above

        from steersman.services.commons import CommonsReport, in_words

        report = msgspec.convert(commons, CommonsReport)
        console().print(f"\nshared: {in_words(report)}", markup=False)
        if report.fix:
            console().print(f"  fix: {report.fix}", markup=False)


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.10g}" if isinstance(value, float) else _printable(str(value))


def _printable(text: str) -> str:
    # What came from outside must not drive the terminal.
    return "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in text)


def _size(count: int) -> str:
    value = float(count)
    for unit in ("B", "KB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def _span(seconds_: float) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds_ >= size:
            return f"{seconds_ / size:.1f} {unit}"
    return f"{seconds_:.0f} s"
