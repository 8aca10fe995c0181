"""From a signal to its fill: what an order costs here and at NautilusTrader, in turns; and what each lets through.

Every measurement is a process of its own, so that memory is one program's and nothing is warm that would not be.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import process_time_ns
from typing import Final

import msgspec

from steersman.bench import bad_orders
from steersman.bench.measure import on_disk, row_of
from steersman.bench.paper_desk import Figures, write_alternating
from steersman.bench.peer_venv import NAUTILUS, Peer, nautilus
from steersman.bench.row import Row, not_measured
from steersman.kernel.errors import Unavailable

_ROUNDS: Final = 10
_WARM_UP: Final = 200
_ORDERS: Final = 2000
_CPU_TARGET: Final = 0.25
_RSS_TARGET: Final = 0.25
_IMPORT_TARGET: Final = 0.1
_AT_ONCE: Final = 20
_SYNCED_BYTES: Final = 8192
_SYNCS: Final = 100
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a fresh private folder is made inside
_OURS: Final = "import steersman.bootstrap.core"
_PEERS: Final = "import nautilus_trader.live.node, nautilus_trader.adapters.sandbox.execution"
_TIMED: Final = "import time; began = time.process_time(); {}; print(time.process_time() - began)"
_SANDBOX: Final = f"NautilusTrader {NAUTILUS}, sandbox venue in a live TradingNode"
Run = Callable[[], Figures]


def run() -> list[Row]:
    """Measure orders, then imports, each in turns with the peer; then send both the same bad orders."""
    try:
        peer, reason = nautilus(), ""
    except Unavailable as exc:
        peer, reason = None, str(exc).replace("\n ", ";")
    return [*_orders(peer, reason), *_imports(peer, reason), *bad_orders.rows(peer, reason)]


# -- orders ----------------------------------------------------------------------------------------------------------


def _orders(peer: Peer | None, reason: str) -> list[Row]:
    try:
        return [*_rows(_figures(peer), reason), _sync_alone()]
    except Unavailable as exc:
        return _rows({}, exc.message)


def _figures(peer: Peer | None) -> dict[str, list[Figures]]:
    with on_disk() as folder:
        bars = write_alternating(folder / "bars", _WARM_UP, _ORDERS)
        runs: dict[str, Run] = {"ours": lambda: _ours(folder), "ours, 20 at once": lambda: _ours(folder, _AT_ONCE)}
        if peer is not None:
            runs["peer"] = lambda: _peers(peer, bars)
            runs["peer, 20 at once"] = lambda: _peers(peer, bars, instruments=_AT_ONCE)
            runs["peer, synced"] = lambda: _peers(peer, bars, folder / "journal")
        if _MEMORY.is_dir():
            runs["ours, in memory"] = lambda: _ours(_MEMORY)
        return alternate(runs, _ROUNDS)


def alternate(runs: Mapping[str, Run], rounds: int) -> dict[str, list[Figures]]:
    """Run all in turns, `rounds` times; what the first turn of each gave is dropped: it fills the disk cache."""
    found: dict[str, list[Figures]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        sys.stderr.write(f"  round {number} of {rounds}\n")
        sys.stderr.flush()
        for name, one in runs.items():
            figures = one()
            if number:
                found[name].append(figures)
    return found


def _ours(parent: Path, instruments: int = 1) -> Figures:
    folder = Path(tempfile.mkdtemp(prefix="steersman-bench-", dir=parent))
    try:
        write_alternating(folder, _WARM_UP, _ORDERS, instruments)
        command = [sys.executable, "-m", "steersman.bench.paper_desk", str(folder), str(_WARM_UP), str(_ORDERS)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unavailable(f"the paper desk ended with {done.returncode}: {done.stderr[-600:]}", fix="see above")
        return msgspec.json.decode(done.stdout.splitlines()[-1], type=Figures)
    finally:
        shutil.rmtree(folder)


def _peers(peer: Peer, bars: Path, journal: Path | None = None, instruments: int = 1) -> Figures:
    told = peer.run("orders.py", bars, _WARM_UP, _ORDERS, instruments, *([] if journal is None else [journal]))
    if journal is not None:
        journal.unlink()
    return msgspec.convert(told, Figures)


def _rows(found: Mapping[str, Sequence[Figures]], reason: str) -> list[Row]:
    return [
        _ratio(
            "CPU per order", found, "ours", "peer", "cpu_us", _CPU_TARGET, reason,
            f"{_SANDBOX}, nothing durable",
            f"{_ORDERS:,} market orders after {_WARM_UP}, one at a time; ours with every check, every step in the "
            "ledger and durable before it acts, fees, round trips and journal; theirs with the risk engine on, in "
            "memory, one quote per bar, a cash account, logging left out",
        ),
        _ratio(
            "CPU per order, both durable", found, "ours", "peer, synced", "cpu_us", _CPU_TARGET, reason, _SANDBOX,
            "it has nothing embedded that is durable: a wrapper writes its order messages (initialised, submitted, "
            "filled) as JSON to a file, with fdatasync before an order goes out and once it is filled",
        ),
        _ratio(
            "CPU per order, neither durable", found, "ours, in memory", "peer", "cpu_us", _CPU_TARGET, reason, _SANDBOX,
            "ours with its ledger on a file system in memory, where a sync costs nothing and promises nothing",
        ),
        _ratio(
            "CPU per order, 20 at one instant", found, "ours, 20 at once", "peer, 20 at once", "cpu_us", _CPU_TARGET,
            reason, f"{_SANDBOX}, nothing durable",
            "20 instruments with a bar and an order each at one instant: ours decides them in one durable append; the "
            "next bars come when all are filled",
        ),
        _ratio("peak resident", found, "ours", "peer", "rss_mb", _RSS_TARGET, reason, _SANDBOX, ""),
        *_reported(found),
    ]  # fmt: skip


def _ratio(
    metric: str,
    found: Mapping[str, Sequence[Figures]],
    ours: str,
    peer: str,
    field: str,
    target: float,
    reason: str,
    compared_with: str,
    note: str,
) -> Row:
    missing = [name for name in (ours, peer) if not found.get(name)]
    if missing:
        why = reason or f"no file system in memory at {_MEMORY}"
        return not_measured("order", metric, "x", target, why)
    pairs = zip(found[ours], found[peer], strict=True)
    ratios = [getattr(a, field) / getattr(b, field) for a, b in pairs]
    return row_of("order", metric, ratios, "x", at_most=target, compared_with=compared_with, note=note)


def _reported(found: Mapping[str, Sequence[Figures]]) -> list[Row]:
    """Return the figures the ratios are made of, and wall time, which is never held against a target."""
    rows = []
    for name, runs in found.items():
        for metric, field, unit in (
            ("CPU per order", "cpu_us", "us"),
            ("wall time per order", "wall_us", "us"),
            ("peak resident", "rss_mb", "MB"),
        ):
            rows.append(row_of("order", f"{metric}: {name}", [getattr(f, field) for f in runs], unit))
    return rows


def _sync_alone() -> Row:
    """Return what a durable step costs at the least, in processor time: below it no durable order can be."""
    body = bytes(_SYNCED_BYTES)
    with on_disk() as folder:
        file = os.open(folder / "plain", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            figures = [_synced_us(file, body) for _ in range(_ROUNDS + 1)][1:]
        finally:
            os.close(file)
    note = f"{_SYNCED_BYTES:,} bytes, about what an order leaves in the ledger; user and kernel time of this process"
    return row_of("order", "CPU of one write + fdatasync", figures, "us", note=note)


def _synced_us(file: int, body: bytes) -> float:
    began = process_time_ns()
    for _ in range(_SYNCS):
        os.write(file, body)
        os.fdatasync(file)
    return (process_time_ns() - began) / 1e3 / _SYNCS


# -- imports ---------------------------------------------------------------------------------------------------------


def _imports(peer: Peer | None, reason: str) -> list[Row]:
    metric = "CPU to import what trades"
    if peer is None:
        return [not_measured("order", metric, "x", _IMPORT_TARGET, reason)]
    ours, theirs = [], []
    for number in range(_ROUNDS + 1):
        a, b = _import_s(Path(sys.executable), _OURS), _import_s(peer.python, _PEERS)
        if number:  # the first fills the disk cache
            ours.append(a)
            theirs.append(b)
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    note = f"`{_OURS}` against `{_PEERS}`, in a new process each; the interpreter's own start is in neither"
    return [
        row_of("order", metric, ratios, "x", at_most=_IMPORT_TARGET, compared_with=_SANDBOX, note=note),
        row_of("order", f"{metric}: ours", ours, "CPU-s"),
        row_of("order", f"{metric}: peer", theirs, "CPU-s"),
    ]


def _import_s(python: Path, statement: str) -> float:
    command = [str(python), "-c", _TIMED.format(statement)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    with suppress(ValueError, IndexError):
        return float(done.stdout.split()[-1])
    raise Unavailable(f"`{statement}` failed: {done.stderr[-300:]}", fix="run it by hand")
