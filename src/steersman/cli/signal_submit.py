"""`steersman signal submit`: the door of the command line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import emit
from steersman.cli.terminal import list_rows, say
from steersman.cli.verdicts import list_verdicts
from steersman.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from steersman.bootstrap.desk import Desk
    from steersman.trading.queries import VerdictRow
    from steersman.trading.sources import Answer, NotASignal, Row
    from steersman.trading.sources.rows import Format

_SHOWN = 50
_NO_CORE = "the core does not run: what was taken waits in the ledger, and `steersman up` decides it"


def submit(
    what: Annotated[str, typer.Argument(metavar="FILE|-|JSON", help="A file, - for standard input, or JSON itself.")],
    form: Annotated[
        str | None, typer.Option("--format", help="json, jsonl, csv or parquet; else by the file's ending.")
    ] = None,
    strategy: Annotated[str, typer.Option("--strategy", help="Whose signals they are, where one does not say.")] = "",
    wait: Annotated[
        float | None, typer.Option("--wait", min=0, max=3600, help="Wait so many seconds for the verdicts.")
    ] = None,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Submit one signal or many; the same signal_id again is the same signal, never a second order.

    Needed: signal_id, strategy, instrument; and how much, in one way: side with quantity, target (signed units to
    hold), or side with risk_fraction and stop_loss.

    May be said: limit_price, stop_price, stop_loss, take_profit, time_in_force, created_at, price, confidence, notes.
    `steersman signal schema` explains each. A row of a JSONL, CSV or Parquet file without a signal_id gets one from
    the file's name, the line and its content.

    steersman signal submit '{"signal_id": "a1", "strategy": "trend", "instrument": "IBM", "side": "buy",
    "quantity": 10}' --wait 5
    """
    with opened(directory) as desk:
        raw, file, chosen = _input(what, form, desk.workspace.root)
        answers = _take(desk, _rows(raw, chosen, file), strategy)
        runs = _core_runs(desk)
        wanted = [answer.listed_as for answer in answers if answer.status != "refused"]
        verdicts = _verdicts(desk, wanted, wait if runs else 0) if wait is not None else []
    undecided = [signal_id for signal_id in wanted if signal_id not in {row.signal_id for row in verdicts}]
    data: dict[str, Any] = {"signals": answers, "core_runs": runs}
    if wait is not None:
        data |= {"verdicts": verdicts, "undecided": undecided}

    def render() -> None:
        _show(answers)
        if wait is not None and verdicts:
            say()
            list_verdicts(verdicts, empty="")
        if not runs:
            say(_NO_CORE)
        elif wait is not None and undecided:
            say(f"no verdict within {wait:g} s on {', '.join(undecided[:10])}; see `steersman status`")

    emit(as_json, data, render)
    said_no = any(answer.status == "refused" for answer in answers) or any(v.outcome == "reject" for v in verdicts)
    if said_no or (wait is not None and undecided):
        raise typer.Exit(1)


def _input(what: str, form: str | None, root: Path) -> tuple[bytes, str, Format]:
    """Return the bytes, the name that places and identities give them ("" for none), and their form."""
    from steersman.trading.sources.rows import MAX_FILE_BYTES, SUFFIXES  # `--help` needs no domain

    forms = tuple(dict.fromkeys(SUFFIXES.values()))
    if form is not None and form not in forms:
        raise typer.BadParameter(f"allowed: {', '.join(forms)}", param_hint="--format")
    if what == "-" or what.lstrip()[:1] in ("{", "["):
        raw = sys.stdin.buffer.read(MAX_FILE_BYTES + 1) if what == "-" else what.encode("utf-8", "surrogateescape")
        return raw, "", form or _guess(raw)
    path = Path(what)
    known = form or SUFFIXES.get(path.suffix.lower())
    if not path.is_file():
        raise Misconfigured(f"there is no file {what!r}", fix="name a file, - for standard input, or JSON in quotes")
    if known is None:
        raise Misconfigured(
            f"{what}: the ending says nothing about its form; known: {', '.join(SUFFIXES)}", fix="add --format csv"
        )
    here = path.resolve()
    name = here.relative_to(root.resolve()) if here.is_relative_to(root.resolve()) else here
    with path.open("rb") as file:
        return file.read(MAX_FILE_BYTES + 1), str(name), known


def _guess(raw: bytes) -> Format:
    """Return what standard input is: JSON by its first character, lines of it if there are several documents."""
    from steersman.trading.sources import NotASignal  # as above
    from steersman.trading.sources.rows import json_value

    if raw.lstrip()[:1] not in (b"{", b"["):
        return "csv"
    try:
        json_value(raw)
    except NotASignal:
        first = raw.lstrip().partition(b"\n")[0].rstrip()
        return "jsonl" if first.startswith(b"{") and first.endswith(b"}") else "json"
    return "json"


def _rows(raw: bytes, form: Format, file: str) -> Iterator[Row | NotASignal]:
    from steersman.trading.sources import NotASignal, file_rows  # as above

    try:
        yield from file_rows(raw, form, file=file)
    except NotASignal as exc:
        yield exc


def _take(desk: Desk, rows: Iterator[Row | NotASignal], strategy: str) -> list[Answer]:
    from steersman.trading.sources import Declared, Door  # as above

    declared = Declared(desk.workspace.trading)
    door = Door(desk.ledger, declared, desk.clock, source="cli", actor="person:cli", strategy=strategy)
    return list(door.take(rows))


def _core_runs(desk: Desk) -> bool:
    from steersman.bootstrap.access import core_answers  # as above

    return core_answers(desk.workspace.socket)


def _verdicts(desk: Desk, signal_ids: list[str], wait_s: float) -> list[VerdictRow]:
    """Return the verdicts on the signals that come within `wait_s`, in the order of the signals."""
    import msgspec  # as above

    from steersman.trading import events as e
    from steersman.trading import queries

    seen = desk.ledger.head().pos
    found = {signal_id: queries.verdict(desk.db, signal_id) for signal_id in signal_ids}
    missing = {signal_id for signal_id, verdict in found.items() if verdict is None}
    until = desk.clock.elapsed_ns() + int(wait_s * 1e9)
    tail = desk.ledger.subscribe(after=seen)
    while missing and (left_s := (until - desk.clock.elapsed_ns()) / 1e9) > 0:
        for event in tail.next(left_s):
            if event.type == e.VERDICT_GIVEN:
                missing.discard(msgspec.json.decode(event.data, type=e.VerdictGiven).signal_id)
    tail.close()
    desk.refresh()
    rows = (queries.verdict(desk.db, signal_id) for signal_id in dict.fromkeys(signal_ids))
    return [found.row for found in rows if found is not None]


def _show(answers: list[Answer]) -> None:
    refused = [answer for answer in answers if answer.status == "refused"]
    shown = [*refused, *(answer for answer in answers if answer.status != "refused")][:_SHOWN]
    list_rows(
        [("signal", "left"), ("status", "left"), ("event", "right"), ("", "left")],
        [
            [answer.listed_as or answer.signal_id or answer.place, answer.status, answer.pos, _why(answer)]
            for answer in shown
        ],
        empty="there was no signal in it",
    )
    if len(answers) > len(shown):
        taken = len(answers) - len(refused)
        say(f"{len(answers):,} in all: {taken:,} taken, {len(refused):,} refused (`steersman signal list --refused`)")


def _why(answer: Answer) -> str:
    return f"{answer.reason}\n  fix: {answer.fix}" if answer.reason else ""
