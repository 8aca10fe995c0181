"""Mistakes as workspaces: each trades for real under the policy of a new one, and its ledger tells what happened."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from steersman.bench.paper_desk import SEEN_FIRST, minutes, write_desk
from steersman.bootstrap.core import Core
from steersman.bootstrap.workspace import load_workspace
from steersman.kernel.errors import Conflict, Corrupt
from steersman.ledger import Ledger
from steersman.trading import events as e
from steersman.trading.handlers import commands
from steersman.trading.handlers.trader import TradeProgress
from steersman.trading.model.request import SignalRequest
from steersman.trading.model.signal import Side

_BAD: Final = "bad"
_LATER: Final = SEEN_FIRST + 6 * 60
T = TypeVar("T")
_STEPS: Final = """
from steersman.trading import TimeInForce, buy, sell
GTC, BAD, NAN = TimeInForce.GTC, "bad", float("nan")
STEPS = [{steps}]
seen = 0

def on_bar(bar):
    global seen
    if bar.instrument != "AAA":
        return []
    seen += 1
    return STEPS[seen - {first}] if 0 <= seen - {first} < len(STEPS) else []
"""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One mistake.

    Attributes:
        key: what the peer's script calls it.
        steps: what the strategy wants after each bar of AAA once it has seen enough of them; wishes with the note BAD
            should not go out.
        other: minutes at which the second instrument BBB trades (from, before); the first step is at the last minute
            of `SEEN_FIRST`.
        pause: AAA does not trade between the last warm-up bar and the first step.
        sessions: bars of AAA from the first step on.
    """

    key: str
    title: str
    steps: tuple[str, ...]
    other: tuple[int, int] = (0, SEEN_FIRST + 6)
    pause: bool = False
    sessions: int = 8


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a case: bad orders asked for, how many of them went to the venue as asked, and a reason."""

    asked: int
    through: int
    why: str


CASES: Final = (
    Case(
        key="max_notional",
        title="worth four times the largest allowed order (there: on a margin account)",
        steps=('[buy("AAA", 1000, notes=BAD)]',),
    ),
    Case(
        key="no_quote",
        title="at market, without any price",
        steps=('[buy("BBB", 10, notes=BAD)]',),
        other=(SEEN_FIRST + 2, SEEN_FIRST + 4),
    ),
    Case(
        key="stale_quote",
        title="on a price that is six hours old",
        steps=('[buy("BBB", 10, notes=BAD)]',),
        other=(0, SEEN_FIRST),
        pause=True,
    ),
    Case(
        key="not_a_quantity",
        title="a quantity of 0, -5, NaN or infinity",
        steps=('[buy("AAA", q, notes=BAD) for q in (0, -5, NAN, float("inf"))]',),
    ),
    Case(
        key="far_price",
        title="a limit at 100 times the price",
        steps=('[buy("AAA", 1, limit=10_000, notes=BAD)]',),
    ),
    Case(
        key="repeated",
        title="the same order 50 times within a second",
        steps=('[buy("AAA", 10), *(buy("AAA", 10, notes=BAD) for _ in range(49))]',),
    ),
    Case(
        key="closed_market",
        title="while its market is closed",
        steps=('[buy("BBB", 10, notes=BAD)]',),
        other=(0, SEEN_FIRST - 1),
    ),
    Case(
        key="open_orders_sum",
        title="beyond the limit only together with open orders",
        steps=(
            '[buy("AAA", 150, limit="99.00", time_in_force=GTC)]',
            '[buy("AAA", 151, limit="99.00", time_in_force=GTC)]',
            '[buy("AAA", 152, limit="99.00", time_in_force=GTC, notes=BAD)]',
        ),
    ),
    Case(
        key="self_cross",
        title="would trade with an open order of one's own",
        steps=(
            '[buy("AAA", 10)]',
            "[]",
            '[buy("AAA", 11, limit="99.00", time_in_force=GTC)]',
            '[sell("AAA", 10, limit="98.50", notes=BAD)]',
        ),
    ),
    Case(
        key="unknown_instrument",
        title="for an instrument nobody declared",
        steps=('[buy("ZZZ", 1, notes=BAD)]',),
    ),
    Case(
        key="short",
        title="sells what is not held, where shorts are not allowed",
        steps=('[sell("AAA", 10, notes=BAD)]',),
    ),
)


def here(case: Case) -> Told:
    """Trade the workspace of `case` under the default policy, and return what became of its bad orders."""
    with _desk(case) as core:
        core.trade(threading.Event())
        return _told(core.ledger)


def same_id() -> Told:
    """Submit a signal from outside, the same again, and another under its id; return what became of the last two.

    Raises:
        Corrupt: the first did not become an order, so that the others show nothing.
    """
    said: list[str] = []
    with _desk(Case(key="same_id", title="", steps=(), sessions=30)) as core:

        def ask(progress: TradeProgress) -> None:
            if not said and progress.done > SEEN_FIRST:
                said.extend(_submit(core, Decimal(units)) for units in (1, 1, 2))

        core.trade(threading.Event(), on_progress=ask)
        orders = _decoded(core.ledger, e.ORDER_SUBMITTED, e.OrderSubmitted)
        if not orders:
            raise Corrupt("the first signal did not become an order", fix="the bench itself is wrong here")
    return Told(asked=2, through=len(orders) - 1, why="; ".join(said[1:]))


def _submit(core: Core, quantity: Decimal) -> str:
    """Submit a signal of now, always under the same id; say what came of it."""
    # Bars wander by cents around 100, so that is a price the source may have seen.
    request = SignalRequest(
        signal_id="one", strategy="bench", instrument="AAA", side=Side.BUY, quantity=quantity, price=Decimal(100)
    )
    try:
        done = commands.submit(core.ledger, request, source="api", actor="bench", now_ns=core.clock.now_ns())
    except Conflict as exc:
        return f"refused: {exc.message}"
    return "the same again changes nothing" if done.repeated else "taken"


@contextmanager
def _desk(case: Case) -> Iterator[Core]:
    """Yield the core of a new workspace that trades `case`."""
    with tempfile.TemporaryDirectory(prefix="steersman-bench-") as folder:
        root = Path(folder)
        start = _LATER if case.pause else SEEN_FIRST - 1
        bars = {
            "AAA": [*minutes(0, SEEN_FIRST - 1), *minutes(start, start + case.sessions)],
            "BBB": minutes(*case.other),
        }
        write_desk(root, bars, _STEPS.format(steps=", ".join(case.steps), first=SEEN_FIRST))
        core = Core(load_workspace(root))
        try:
            yield core
        finally:
            core.close()


def _told(ledger: Ledger) -> Told:
    """Read what became of the orders marked bad; those without a mark only set the scene.

    Raises:
        Corrupt: one of the good ones did not pass, so that the case would show nothing.
    """
    signals = {str(s.signal_id): s for s in [r.signal for r in _decoded(ledger, e.SIGNAL_RECEIVED, e.SignalReceived)]}
    bad = {name for name, signal in signals.items() if signal.notes == _BAD}
    whys = [refused.reason for refused in _decoded(ledger, e.SIGNAL_REFUSED, e.SignalRefused)]
    asked, through = len(whys) + len(bad), 0
    for verdict in _decoded(ledger, e.VERDICT_GIVEN, e.VerdictGiven):
        if verdict.signal_id in bad:
            whys.append(f"{verdict.outcome}: {verdict.why}")
        elif verdict.outcome != "accept":
            raise Corrupt(f"a good order did not pass: {verdict.why}", fix="the bench itself is wrong here")
    for order in _decoded(ledger, e.ORDER_SUBMITTED, e.OrderSubmitted):
        # What was cut to a limit is not the bad order any more.
        through += order.signal_id in bad and order.quantity == signals[order.signal_id].quantity
    return Told(asked=asked, through=through, why=whys[-1] if whys else "no such order was asked for")


def _decoded(ledger: Ledger, kind: str, type_: type[T]) -> list[T]:
    return [msgspec.json.decode(event.data, type=type_) for event in ledger.read(types=(kind,))]
