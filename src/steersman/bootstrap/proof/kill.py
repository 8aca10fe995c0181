"""The proof that a core killed at any step loses no order, sends none twice and loses no fill: `doctor --kill N`."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from steersman.bootstrap.plugins import factory
from steersman.bootstrap.proof.exchange import Exchange
from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import Unavailable
from steersman.ledger import Ledger
from steersman.trading import events as e
from steersman.trading.links import check_links

_SIGNALS: Final = 20
_MOST_STEPS: Final = 120
_PROGRESS_EVERY: Final = 20
_ENDED: Final = (e.ORDER_CANCELLED, e.ORDER_REJECTED, e.ORDER_EXPIRED)


class KillReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was found after all kills; every number but the first four should be 0.

    Attributes:
        kills: how often the core was killed; `desks` is over how many ledgers.
        orders, fills: that the venue took and executed.
        orders_sent_twice: client order ids under which the venue holds more than one order.
        orders_lost: intents of the ledger that neither reached the venue nor ended with a reason, and orders of the
            venue that the ledger does not know.
        fills_lost: executions of the venue that are not in the ledger; `fills_invented`: the other way round.
        positions_differ: desks whose book says something else than the venue.
        problems: what `ledger verify` would say, and what went wrong on the way, in words.
    """

    kills: int
    desks: int
    orders: int
    fills: int
    orders_sent_twice: int
    orders_lost: int
    fills_lost: int
    fills_invented: int
    positions_differ: int
    problems: list[str]
    ok: bool
    seconds: float


def kill(
    kills: int,
    *,
    seed: int = 1,
    signals: int = _SIGNALS,
    careless: bool = False,
    on_progress: Callable[[str], None] = lambda _: None,
) -> KillReport:
    """Kill a trading core `kills` times with SIGKILL, each time at a step drawn at random, and compare in the end.

    `careless` is the control: a core that does not ask the venue before it sends again. It must be found out.

    Raises:
        Unavailable: a life ended by itself in an error; its message is the last line.
    """
    clock, rng = SystemClock(), random.Random(seed)
    began = clock.elapsed_ns()
    found: Counter[str] = Counter()
    problems: list[str] = []
    while found["kills"] < kills:
        steps = (rng.randint(1, _MOST_STEPS) if found["kills"] < kills else 0 for _ in iter(int, 1))
        told = partial(_tell, on_progress, kills)
        _desk(steps, [str(signals), *(["careless"] if careless else [])], found, problems, told)
    wrong = ("orders_sent_twice", "orders_lost", "fills_lost", "fills_invented", "positions_differ")
    return KillReport(
        kills=found["kills"],
        desks=found["desks"],
        orders=found["orders"],
        fills=found["fills"],
        orders_sent_twice=found["orders_sent_twice"],
        orders_lost=found["orders_lost"],
        fills_lost=found["fills_lost"],
        fills_invented=found["fills_invented"],
        positions_differ=found["positions_differ"],
        problems=problems,
        # A desk on which nothing was traded proves nothing.
        ok=bool(found["fills"]) and not problems and not any(found[name] for name in wrong),
        seconds=round((clock.elapsed_ns() - began) / 1e9, 2),
    )


def _tell(on_progress: Callable[[str], None], kills: int, done: int) -> None:
    if done % _PROGRESS_EVERY == 0:
        on_progress(f"killed {done} of {kills} times")


def _desk(
    steps: Iterator[int], options: list[str], found: Counter[str], problems: list[str], killed: Callable[[int], None]
) -> None:
    """Run one desk to its end, killed at each of `steps` (0: not at all), and count what differs."""
    folder = Path(tempfile.mkdtemp(prefix="steersman-kill-"))
    exchange = Exchange(folder / "exchange.sock")
    command = [sys.executable, "-m", "steersman.bootstrap.proof.lives", str(folder), *options]
    try:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as lives:
            while (how := _life(lives, next(steps))) == "killed":
                found["kills"] += 1
                killed(found["kills"])
        if how != "finished":
            raise Unavailable(f"a life ended by itself ({how or 'no answer'})", fix="its error is printed above")
        ledger = factory("ledgers", "sqlite")(folder / "ledger.db", read_only=True)
        _compare(ledger, exchange, found, problems)
        ledger.close()
    finally:
        exchange.close()
        shutil.rmtree(folder, ignore_errors=True)


def _life(lives: subprocess.Popen[str], step: int) -> str:
    if lives.stdin is None or lives.stdout is None:
        return ""
    lives.stdin.write(f"{step}\n")
    lives.stdin.flush()
    return lives.stdout.readline().strip()


def _compare(ledger: Ledger, exchange: Exchange, found: Counter[str], problems: list[str]) -> None:
    found["desks"] += 1
    found["orders"] += len(exchange.orders)
    held = Counter(order["order_id"] for order in exchange.orders)
    found["orders_sent_twice"] += sum(1 for count in held.values() if count > 1)
    ours = {event.stream.removeprefix("order/") for event in ledger.read(types=(e.ORDER_SUBMITTED,))}
    ended = {event.stream.removeprefix("order/") for event in ledger.read(types=_ENDED)}
    found["orders_lost"] += len(ours - set(held) - ended) + len(set(held) - ours)
    fills, position = _fills(ledger)
    theirs = set(exchange.executions())
    found["fills"] += len(theirs)
    found["fills_lost"] += len(theirs - fills)
    found["fills_invented"] += len(fills - theirs)
    found["positions_differ"] += position != exchange.position()
    problems += check_links(ledger).problems
    checked = ledger.verify()
    problems += [] if checked.ok else [checked.problem]


def _fills(ledger: Ledger) -> tuple[set[str], Decimal]:
    """Return the ids of the ledger's executions, and the position they make."""
    ids: list[str] = []
    position = Decimal(0)
    for event in ledger.read(types=(e.ORDER_FILLED,)):
        fill = msgspec.json.decode(event.data, type=e.OrderFilled)
        ids.append(fill.execution_id)
        position += fill.quantity if fill.side.value == "buy" else -fill.quantity
    return set(ids), position
