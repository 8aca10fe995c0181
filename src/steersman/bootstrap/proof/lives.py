"""The lives of a core that is killed: each is forked from this process, trades on, and ends at the step it was told.

A step is a write to the ledger or a call to the venue, just before it and just after it. `python -m
steersman.bootstrap.proof.lives SIGNALS` reads a line for each: a step (0: none) and the folder it lives in.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from steersman.bootstrap.plugins import factory
from steersman.bootstrap.proof.exchange import ExchangeVenue
from steersman.bootstrap.workspace import CATALOGUE
from steersman.kernel.clock import SystemClock
from steersman.ledger import Ledger
from steersman.policy import approvals
from steersman.policy.store import PolicyStore, activate
from steersman.trading import events as e
from steersman.trading.calendars import Calendar
from steersman.trading.handlers import commands
from steersman.trading.handlers.trader import Trader
from steersman.trading.model.bar import Bar
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.request import SignalRequest
from steersman.trading.model.signal import Side, TimeInForce
from steersman.trading.ports import Session
from steersman.trading.settings import ALWAYS, StrategySettings, TradingSettings

_STRATEGY: Final = "proof"
_SOURCE: Final = "proof"
_SETTLING: Final = 3
_LOOK_S: Final = 0.001
"""Nobody has to wait for this venue: hundreds of lives are short ones."""
_DAY_NS: Final = 86_400 * 10**9
_BARS: Final = 25
_POLICY: Final = {
    "trading.duplicate_window": "0",
    "trading.max_data_age": "10000000000",
    "trading.max_gap": "1000000",
    "trading.outlier_z": "1000001",
    "trading.price_collar": "0.5",
    "trading.price_optional": "true",
    "trading.message_rate": "100000",
    "trading.repeat_executions": "100000",
    "trading.max_open_orders": "100000",
    "trading.max_position": "1000000000",
    "trading.max_gross": "1000000000",
    "trading.allow_short": "true",
    "trading.approval_notional": "2500",
}


class Steps:
    """Counts what the core does; ends the process, as the kernel does, at the step it was told."""

    def __init__(self, last: int) -> None:
        self._last = last
        self._done = 0

    def around(self, act: Callable[[], Any]) -> Any:
        self._step()
        found = act()
        self._step()
        return found

    def _step(self) -> None:
        self._done += 1
        if self._done == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


class _Watched:
    """Passes everything on; what changes something is a step."""

    def __init__(self, inner: Any, steps: Steps, names: Sequence[str]) -> None:
        self._inner = inner
        self._steps = steps
        self._names = frozenset(names)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in self._names:
            return found
        return lambda *args, **kwargs: self._steps.around(lambda: found(*args, **kwargs))


class _Operator:
    """A feed of a few bars, and then somebody at work: sends signals, answers holds, cancels and replaces orders."""

    name = source = _SOURCE
    live = True

    def __init__(self, ledger: Ledger, signals: int, over: threading.Event) -> None:
        self._ledger = ledger
        self._signals = signals
        self._over = over
        self._clock = SystemClock()

    def sessions(self) -> Iterator[Session | None]:
        for day in range(1, _BARS + 1):
            price = Decimal(100) + Decimal(day * 7 % 11) / 100
            at = day * _DAY_NS
            bar = Bar(instrument="ABC", at=at, open=price, high=price, low=price, close=price, volume=Decimal(1))
            yield Session(at=at, bars=(bar,))
        number = sum(1 for _ in self._ledger.read(types=(e.SIGNAL_SUBMITTED,)))
        while True:
            yield None
            self._answer_holds()
            self._change_orders()
            if number == self._signals:
                break
            number += 1
            commands.submit(
                self._ledger, _signal(number), source=_SOURCE, actor="person:proof", now_ns=self._clock.now_ns()
            )
        for _ in range(_SETTLING):
            yield None
        self._over.set()
        yield None

    def total(self) -> int | None:
        return None

    def _answer_holds(self) -> None:
        for event in self._ledger.read(types=(e.HOLD_REQUESTED,)):
            if self._ledger.stream_version(event.stream) == 1:
                approval_id = "trade/" + event.stream.removeprefix("approval/")
                approvals.answer(
                    self._ledger,
                    approval_id,
                    grant=event.id.int % 3 > 0,
                    by="person:proof",
                    reason="proof",
                    now_ns=self._clock.now_ns(),
                )

    def _change_orders(self) -> None:
        """Cancel every third order that rests, and replace every third by a smaller one."""
        for event in self._ledger.read(types=(e.ORDER_SUBMITTED,)):
            order_id = event.stream.removeprefix("order/")
            said = [found.type for found in self._ledger.read(stream=event.stream)]
            number = int(order_id[-4:], 16) % 3
            if e.ORDER_FILLED in said or not {e.ORDER_CANCEL_REQUESTED, e.ORDER_REPLACE_REQUESTED}.isdisjoint(said):
                continue
            if number == 0:
                commands.cancel(self._ledger, order_id, by="person:proof", reason="proof", now_ns=self._clock.now_ns())
            elif number == 1 and b'"signal_id":"replace/' not in event.data and e.ORDER_ACKNOWLEDGED in said:
                commands.replace(
                    self._ledger,
                    order_id,
                    by="person:proof",
                    now_ns=self._clock.now_ns(),
                    limit_price=Decimal("89.50"),
                )


def _signal(number: int) -> SignalRequest:
    """Return the signal of this number: market and resting orders, brackets, and some that a person is asked about."""
    kind = number % 5
    quantity = Decimal(30 if kind == 0 else 2 + number % 7)
    return SignalRequest(
        signal_id=str(number),
        strategy=_STRATEGY,
        instrument="ABC",
        side=Side.SELL if number % 4 == 3 else Side.BUY,
        quantity=quantity,
        limit_price=Decimal(90) if kind == 1 and number % 4 != 3 else None,
        stop_loss=Decimal(80) if kind == 2 and number % 4 != 3 else None,
        take_profit=Decimal(120) if kind == 2 and number % 4 != 3 else None,
        time_in_force=TimeInForce.GTC,
    )


class _Forgetful:
    """A venue seen by a core that does not ask it what it has before sending again: the control."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._asked = False

    def poll(self) -> Any:
        if self._asked:
            return self._inner.poll()
        self._asked = True
        return ()

    def lookup(self, order_id: str) -> None:
        return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def live(folder: Path, signals: int, step: int, *, careless: bool = False) -> None:
    """Live until everything was done, or until `step`."""
    clock, steps = SystemClock(), Steps(step)
    ledger: Ledger = factory("ledgers", "sqlite")(folder / "ledger.db", clock=clock)
    activate(ledger, _POLICY, actor="person:proof", reason="proof", source="proof", now_ns=clock.now_ns())
    over = threading.Event()
    venue: Any = _Watched(ExchangeVenue(folder / "exchange.sock", clock), steps, ("submit", "cancel", "poll"))
    if careless:
        venue = _Forgetful(venue)
    instrument = Instrument(
        name="ABC", tick=Decimal("0.01"), lot=Decimal(1), currency="USD", venue="exchange", calendar=ALWAYS
    )
    watched: Any = _Watched(ledger, steps, ("append", "append_soon"))
    trader = Trader(
        settings=TradingSettings(
            instruments={"ABC": instrument},
            strategies={_STRATEGY: StrategySettings(instruments=("ABC",))},
        ),
        root=folder,
        capital=Decimal(10_000_000),
        currency="USD",
        ledger=watched,
        policy=PolicyStore(ledger, CATALOGUE),
        venues={"exchange": venue},
        feed=_Operator(watched, signals, over),
        feed_name=_SOURCE,
        clock=clock,
        calendars={ALWAYS: Calendar((), covers=None)},
        look_s=_LOOK_S,
    )
    trader.run(over)
    ledger.close()


def main() -> int:
    """Fork a life for each line of standard input; answer `finished`, `killed` or `failed`."""
    signals, careless = int(sys.argv[1]), "careless" in sys.argv[2:]
    for line in sys.stdin:
        step, _, folder = line.rstrip("\n").partition(" ")
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                live(Path(folder), signals, int(step), careless=careless)
                code = 0
            except Exception:  # noqa: BLE001 - the end of a process: what went wrong is printed, and the parent told
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print("killed" if killed else "finished" if status == 0 else "failed", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
