"""Generated workspaces that trade on the paper venue; one sends an order per bar and runs in a process of its own.

usage: python -m steersman.bench.paper_desk DIR WARM_UP ORDERS
Prints one JSON object: cpu_us and wall_us per order, rss_mb, fills, events.
"""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time_ns
from typing import Final

import msgspec

from steersman.bootstrap.core import Core
from steersman.bootstrap.workspace import load_workspace
from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import Corrupt

FIRST: Final = datetime(2024, 1, 2, tzinfo=UTC)
SEEN_FIRST: Final = 30
"""Bars before the first order: so many the gate wants to have seen before it believes a price."""
_MARK: Final = "began.json"
_TOML: Final = """
[desk]
name = "Bench"
[venue.paper]
kind = "paper"
[feed.bars]
kind = "replay"
files = "data/{instrument}.csv"
[strategy.bench]
file = "strategies/bench.py"
"""
# An order a minute for days is what these limits are there to stop; all others stand.
_LIFTED: Final = """
[policy.trading]
message_rate = 1000000
repeat_executions = 1000000
duplicate_window = "0s"
max_losing_streak = 100
losing_streak_window = "1s"
"""
_ALTERNATE: Final = """
import json, time
from pathlib import Path
from steersman.kernel.clock import SystemClock
from steersman.trading import buy, sell

class Strategy:
    def __init__(self, first, warm_up, orders, instruments, mark):
        self.bars, self.first, self.warm_up, self.orders = 0, first, warm_up, orders
        self.instruments, self.mark = instruments, Path(mark)

    def on_bar(self, bar):
        self.bars += 1
        number = self.bars - self.first * self.instruments
        if number == self.warm_up + 1:
            self.mark.write_text(json.dumps([time.process_time_ns(), SystemClock().elapsed_ns()]))
        if 0 < number <= self.warm_up + self.orders:
            session = (number - 1) // self.instruments
            yield (sell if session % 2 else buy)(bar.instrument, 10)
"""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a run of orders took: processor and wall time per order, the most memory the process had, and counts."""

    cpu_us: float
    wall_us: float
    rss_mb: float
    fills: int
    events: int = 0


def minutes(first: int, last: int) -> list[str]:
    """Return CSV rows of a price that wanders by cents: a bar a minute, from the minute `first` to before `last`."""
    chance, price, rows = random.Random(7), 100.0, []
    for number in range(last):
        price = round(price + chance.uniform(-0.05, 0.05), 2)
        if number >= first:
            at = (FIRST + timedelta(minutes=number)).isoformat()
            rows.append(f"{at},{price},{price},{price},{price},100000")
    return rows


def write_desk(
    root: Path, bars: Mapping[str, Sequence[str]], strategy: str, *, policy: str = "", parameters: str = ""
) -> None:
    """Write a workspace with the instruments of `bars`, traded by the strategy of that source text."""
    text = _TOML + f"instruments = {list(bars)!r}\n{parameters}"
    for name, rows in bars.items():
        text += f'[instrument.{name}]\ntick = "0.01"\nvenue = "paper"\n'
        path = root / "data" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(["date,open,high,low,close,volume", *rows]) + "\n", encoding="utf-8")
    (root / "strategies").mkdir(exist_ok=True)
    (root / "strategies" / "bench.py").write_text(strategy, encoding="utf-8")
    (root / "steersman.toml").write_text(text + policy, encoding="utf-8")


def write_alternating(root: Path, warm_up: int, orders: int, instruments: int = 1) -> Path:
    """Write a workspace that buys and sells in turn, an order per bar; return a file of its bars.

    All instruments have the same bars, so that many orders fall on one instant. `warm_up` and `orders` are over all
    instruments, and multiples of `instruments`.
    """
    parameters = (
        f"[strategy.bench.parameters]\nfirst = {SEEN_FIRST}\nwarm_up = {warm_up}\norders = {orders}\n"
        f"instruments = {instruments}\nmark = {msgspec.json.encode(str(root / _MARK)).decode()}\n"
    )
    # One bar more than orders: an order is filled by the bar after it.
    rows = minutes(0, SEEN_FIRST + (warm_up + orders) // instruments + 1)
    bars = {f"A{number:02}": rows for number in range(instruments)}
    write_desk(root, bars, _ALTERNATE, policy=_LIFTED, parameters=parameters)
    return root / "data" / "A00.csv"


def trade(root: Path, warm_up: int, orders: int) -> Figures:
    """Trade a workspace of `write_alternating`; the clock runs from the first order after the warm-up to the last fill.

    Raises:
        Corrupt: not every order was filled, so that the figures mean nothing.
    """
    core = Core(load_workspace(root))
    try:
        core.trade(threading.Event())
        cpu, wall = process_time_ns(), SystemClock().elapsed_ns()
        fills = sum(1 for _ in core.ledger.read(types=("trading.order.filled",)))
        events = core.ledger.head().pos
    finally:
        core.close()
    if fills != warm_up + orders:
        raise Corrupt(f"{warm_up + orders} orders, but {fills} fills", fix="see the verdicts in the ledger")
    began = msgspec.json.decode((root / _MARK).read_bytes(), type=tuple[int, int])
    return Figures(
        cpu_us=(cpu - began[0]) / 1e3 / orders,
        wall_us=(wall - began[1]) / 1e3 / orders,
        rss_mb=peak_rss_mb(),
        fills=fills,
        events=events,
    )


def peak_rss_mb() -> float:
    """Return the most memory this program had resident; that of whoever started it is not in it."""
    with Path("/proc/self/status").open(encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024


def main(argv: Sequence[str]) -> int:
    """Trade one workspace; this process is what is measured."""
    root, warm_up, orders = Path(argv[0]), int(argv[1]), int(argv[2])
    print(msgspec.json.encode(trade(root, warm_up, orders)).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
