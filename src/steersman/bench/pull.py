"""What it costs to share data: one frame read in eight processes, and the calls eight processes on a cold key make."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec

from steersman.bench import pull_machines
from steersman.bench.measure import in_turns, row_of
from steersman.bench.peer_venv import REDIS, redis
from steersman.bench.pull_provider import counting
from steersman.bench.pull_reader import MEASURED, Kind, Way
from steersman.bench.pull_redis import get_cpu_ms, redis_holding
from steersman.bench.row import Row, not_measured
from steersman.kernel.errors import Unavailable

_PROCESSES: Final = 8
_ROWS: Final = 1_250_000
_COLUMNS: Final = 10
_ROUNDS: Final = 3
_JSON_ROUNDS: Final = 2
_JSON_PROCESSES: Final = 2
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a fresh private folder is made inside
_READ: Final = "CPU to read a 100 MB frame, each of 8 processes"
_NOTE: Final = (
    f"libraries loaded; then the sum of one of {_COLUMNS} columns; CPU of the reading process alone, all its threads"
)
_WAYS: Final[tuple[tuple[Kind, str], ...]] = (
    ("arrow", "by polars, as .lazy()"),
    ("mapped", "by pyarrow, as .arrow()"),
)


def run() -> list[Row]:
    """Measure; the frame, its JSON and the readers lie in memory where there is some."""
    folder = _MEMORY if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > 2_000_000_000 else None
    with tempfile.TemporaryDirectory(prefix="steersman-bench-", dir=folder) as scratch:
        return [*_reading(Path(scratch)), _cold(Path(scratch)), *pull_machines.rows(Path(scratch))]


def _reading(scratch: Path) -> list[Row]:
    arrow, text = scratch / "frame.arrow", scratch / "frame.json"
    _make(arrow, text)
    rows: list[Row] = []
    for kind, how in _WAYS:
        if kind == "mapped" and find_spec("pyarrow") is None:
            reason = "pyarrow is not installed: pip install 'steersman[arrow]'"
            rows.append(not_measured("pull", f"{_READ}, {how}", "x", 1 / 100, reason))
            continue
        ours = Way(kind=kind, place=str(arrow))
        # Each way has processes of its own: what another left in their memory must not count.
        with _readers(_PROCESSES) as readers:
            rows += _against_redis(partial(_cpu_ms, readers, ours), arrow, how)
            rows += _against_json(readers, ours, text, how)
    return rows


def _against_redis(mapped: Callable[[], float], arrow: Path, how: str) -> list[Row]:
    try:
        with redis_holding(arrow) as place:
            usual = in_turns(mapped, partial(get_cpu_ms, redis(), place, _PROCESSES), rounds=_ROUNDS)
            with _readers(_PROCESSES) as getting:
                bare = in_turns(mapped, partial(_cpu_ms, getting, Way(kind="redis", place=place)), rounds=_ROUNDS)
    except Unavailable as exc:
        return [not_measured("pull", f"{_READ}, {how}", "x", 1 / 100, str(exc).replace("\n ", ";"))]
    peer = f"redis-py {REDIS}, GET of the same Arrow bytes"
    gets = "theirs: the GET alone, without touching the frame"
    socket = "a bare socket, the cheapest client there can be; the server's CPU is not in"
    return [
        _row(how, usual.ratios, "x", at_most=1 / 100, compared_with=peer, note=f"{_NOTE}; {gets}"),
        _row("redis-py", usual.peer, "ms", note=f"over loopback, {gets[8:]}"),
        _row(how, bare.ratios, "x", compared_with="Redis GET by a bare socket", note=_NOTE),
        _row("Redis GET", bare.peer, "ms", note=f"over loopback, {socket}"),
        _row(how, bare.ours, "ms", note=_NOTE),
    ]


def _against_json(readers: list[_Reader], ours: Way, text: Path, how: str) -> list[Row]:
    rows = []
    peers: tuple[tuple[Kind, str, float | None], ...] = (
        ("json", "the same frame as JSON records, by json.load", 1 / 500),
        ("polars_json", "the same frame as JSON records, by polars", None),
    )
    for kind, peer, target in peers:
        # One process after the other: eight parsed copies at once would need more memory than many machines have.
        with _readers(_JSON_PROCESSES) as parsing:
            turns = in_turns(
                partial(_one_by_one, readers[:_JSON_PROCESSES], ours),
                partial(_one_by_one, parsing, Way(kind=kind, place=str(text))),
                rounds=_JSON_ROUNDS,
            )
        rows += [
            _row(how, turns.ratios, "x", at_most=target, compared_with=peer, note=_NOTE),
            _row(peer, turns.peer, "ms", note=f"{_JSON_PROCESSES} of the processes, one after the other"),
        ]
    return rows


def _row(
    how: str, values: list[float], unit: str, *, at_most: float | None = None, compared_with: str = "", note: str = ""
) -> Row:
    row = row_of("pull", f"{_READ}, {how}", values, unit, at_most=at_most, compared_with=compared_with, note=note)
    return _precise(values, row)


def _precise(values: list[float], row: Row) -> Row:
    """Return the row with enough digits for ratios far below 1."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return msgspec.structs.replace(row, value=round(median, 6), low=round(ordered[0], 6), high=round(ordered[-1], 6))


def _make(arrow: Path, text: Path) -> None:
    """Write the frame, in a process of its own so that this one stays small."""
    _child("make", str(arrow), str(text), str(_ROWS), str(_COLUMNS))


def _child(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", MEASURED, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(
            f"{MEASURED} {arguments[0]} ended with {done.returncode}: {done.stderr[-200:]}", fix="see above"
        )


class _Reader:
    """A process that reads when told to and says what it cost."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", MEASURED, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def go(self, way: Way) -> None:
        if self.process.stdin is None:
            raise AssertionError
        self.process.stdin.write(msgspec.json.encode(way) + b"\n")
        self.process.stdin.flush()

    def cpu_ms(self) -> float:
        if self.process.stdout is None:
            raise AssertionError
        line = self.process.stdout.readline()
        if not line:
            raise Unavailable("a reading process ended", fix="there may be too little memory for the frame as JSON")
        return float(line)


@contextlib.contextmanager
def _readers(count: int) -> Iterator[list[_Reader]]:
    readers = [_Reader() for _ in range(count)]
    try:
        yield readers
    finally:
        for reader in readers:
            reader.process.kill()
            reader.process.communicate()


def _cpu_ms(readers: list[_Reader], way: Way) -> float:
    """Have all read at once; return the mean CPU of one."""
    for reader in readers:
        reader.go(way)
    return sum(reader.cpu_ms() for reader in readers) / len(readers)


def _one_by_one(readers: list[_Reader], way: Way) -> float:
    return sum(_cpu_ms([reader], way) for reader in readers) / len(readers)


def _cold(scratch: Path) -> Row:
    """Let eight processes ask at once for data that nobody has, and count what reaches the other side."""
    with counting() as (url, calls, open_gate):
        (scratch / "steersman.toml").write_text(
            f'[pull.bars]\nurl = "{url}/bars.csv"\nttl = "1h"\n[pull.bars.schema.close]\ntype = "float"\n',
            encoding="utf-8",
        )
        command = [sys.executable, "-m", MEASURED, "pull", str(scratch)]
        processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(_PROCESSES)]
        threading.Timer(2.0, open_gate).start()
        answers = [process.communicate()[0].strip() for process in processes]
    if len(set(answers)) != 1 or not answers[0]:
        raise Unavailable(f"the processes were not given the same data: {set(answers)}", fix="this is a bug: report it")
    note = f"{_PROCESSES} processes, all given the same bytes; the other side answers after 2 s"
    row = row_of(
        "pull", "calls upstream on a cold key, 8 processes", [float(len(calls))], "calls", at_most=1, note=note
    )
    return msgspec.structs.replace(row, met=len(calls) == 1)
