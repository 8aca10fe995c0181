"""The proof that a core killed at any step loses no order, sends none twice and loses no fill: `doctor --kill N`."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
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
    rng = random.Random(seed)
    proof = _Proof(signals, careless=careless)
    with proof:
        while proof.found["kills"] < kills:

            def step() -> int:
                done = proof.found["kills"]
                if done % _PROGRESS_EVERY == 0 and done:
                    on_progress(f"killed {done} of {kills} times")
                return rng.randint(1, _MOST_STEPS) if done < kills else 0

            proof.desk(step)
    return proof.report()


def kill_at_each_step(*, signals: int, on_progress: Callable[[str], None] = lambda _: None) -> KillReport:
    """Kill a core at its first step, another one at its second, and so on to the last; compare each in the end."""
    proof = _Proof(signals, careless=False)
    with proof:
        number = 0
        while proof.found["kills"] == number:
            number += 1
            proof.desk(partial(next, iter([number]), 0))
            on_progress(f"killed at step {number}")
    return proof.report()


class _Proof:
    """One process from which all lives are forked, and what was found so far."""

    def __init__(self, signals: int, *, careless: bool) -> None:
        self.found: Counter[str] = Counter()
        self._problems: list[str] = []
        self._clock = SystemClock()
        self._began = self._clock.elapsed_ns()
        options = [str(signals), *(["careless"] if careless else [])]
        self._command = [sys.executable, "-m", "steersman.bootstrap.proof.lives", *options]

    def __enter__(self) -> None:
        self._lives = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __exit__(self, *_: object) -> None:
        self._lives.__exit__(None, None, None)

    def desk(self, step: Callable[[], int]) -> None:
        """Run one desk to its end, killed at each `step` (0: not at all), and count what differs."""
        folder = Path(tempfile.mkdtemp(prefix="steersman-kill-"))
        exchange = Exchange(folder / "exchange.sock")
        try:
            while (how := self._life(step(), folder)) == "killed":
                self.found["kills"] += 1
            if how != "finished":
                raise Unavailable(f"a life ended by itself ({how or 'no answer'})", fix="its error is printed above")
            ledger = factory("ledgers", "sqlite")(folder / "ledger.db", read_only=True)
            _compare(ledger, exchange, self.found, self._problems)
            ledger.close()
        finally:
            exchange.close()
            shutil.rmtree(folder, ignore_errors=True)

    def _life(self, step: int, folder: Path) -> str:
        if self._lives.stdin is None or self._lives.stdout is None:
            return ""
        self._lives.stdin.write(f"{step} {folder}\n")
        self._lives.stdin.flush()
        return self._lives.stdout.readline().strip()

    def report(self) -> KillReport:
        found = self.found
        wrong = ("orders_sent_twice", "orders_lost", "fills_lost", "fills_invented", "positions_differ")
        # Desks on which nothing was traded prove nothing.
        ok = bool(found["fills"]) and not self._problems and not any(found[name] for name in wrong)
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
            problems=self._problems,
            ok=ok,
            seconds=round((self._clock.elapsed_ns() - self._began) / 1e9, 2),
        )


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
