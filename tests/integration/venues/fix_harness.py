"""The FIX venue held to the contract: against a QuickFIX acceptor in a process of its own."""

from __future__ import annotations

import json
import select
import socket
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.integration.venues.fix_wire import Wire
from tests.integration.venues.quickfix_venv import quickfix_python

from steersman.bootstrap.plugins import factory
from steersman.kernel.clock import FakeClock
from steersman.trading.adapters.fix import FixVenue
from steersman.trading.adapters.fix.link import Link
from steersman.trading.adapters.fix.settings import FixSettings
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import Order
from steersman.trading.model.signal import OrderId, OrderType, Side, TimeInForce

PATIENCE_S = 20.0
STOCK = Instrument(
    name="IBM", tick=Decimal("0.01"), lot=Decimal(1), currency="USD", venue="broker", symbol="IBM.N", calendar=None
)


class Acceptor:
    """The counterparty's process; can be killed and started again on its store."""

    def __init__(self, folder: Path, version: str, more: str = "") -> None:
        self._python = str(quickfix_python())
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._arguments = (version, "BROKER", "DESK", more)
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def start(self) -> None:
        for _ in range(5):
            # QuickFIX cannot say which port it got: one that is free now, and once more if somebody was quicker.
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.port = free.getsockname()[1]
            program = str(Path(__file__).with_name("fix_acceptor.py"))
            self._process = subprocess.Popen(
                [self._python, program, str(self.port), str(self._folder), *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            if self._answer() == "listening":
                return
            self.kill()
        raise AssertionError("the acceptor found no port")

    def do(self, what: str, **more: Any) -> Any:
        """Have it do something, and return what it answers."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        assert not (isinstance(answer, dict) and "error" in answer), answer
        return answer

    def kill(self) -> None:
        """End it without a word to anybody."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None

    def _answer(self) -> Any:
        assert self._process is not None
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE_S)
        assert ready, "the acceptor does not answer"
        line = self._process.stdout.readline()
        return json.loads(line) if line else None


def link_of(venue: FixVenue) -> Link | None:
    """Return the connection of a venue that was asked for something."""
    return venue._open[0] if venue._open is not None else None


class FixHarness:
    instrument = "IBM"
    price = Decimal(100)
    lot = Decimal(1)
    remembers = True
    has_foreign = True

    def __init__(self, folder: Path, *, version: str = "FIX.4.4", more: str = "", **changes: Any) -> None:
        self.clock = FakeClock()
        self.version = version
        self.acceptor = Acceptor(folder / "counterparty", version, more)
        self.wire = Wire()
        self.changes = changes
        self.venues: list[FixVenue] = []
        self._start_acceptor()

    def _start_acceptor(self) -> None:
        self.acceptor.start()
        self.wire.target = self.acceptor.port

    def make(self, tmp_path: Path) -> FixVenue:
        self.root = tmp_path
        modern = self.version == "FIX.4.4"
        fine: dict[str, Any] = {
            "kind": "fix",
            "host": "127.0.0.1",
            "port": self.wire.port,
            "sender": "DESK",
            "target": "BROKER",
            "version": self.version,
            "positions": modern,
            "mass_status": modern,
            "account": "ACC1",
            "timeout": "10s",
        }
        settings = FixSettings(**{**fine, **self.changes})
        assert list(settings.problems()) == []
        venue: FixVenue = factory("venues", "fix")(
            settings=settings, instruments={"IBM": STOCK}, root=tmp_path, clock=self.clock
        )
        self.venues.append(venue)
        return venue

    def restart(self) -> FixVenue:
        if self.is_up():
            self.settle()  # `submit` returns when the bytes have left; the suite means orders that have arrived
        self.abandon()
        return self.make(self.root)

    def abandon(self) -> None:
        """Let the adapter go as if it had been killed: nobody can hear a goodbye."""
        self.wire.open = False
        self.wire.cut()
        self.wait(lambda: not self.is_up(), "the cut to be noticed")
        self.venues[-1].close()
        self.wire.open = True

    def restart_acceptor(self) -> None:
        """Kill the counterparty and start it again on its store; the venue must connect again."""
        self.acceptor.kill()
        self.wire.cut()
        self._start_acceptor()

    def trade(self, instrument: str, price: Decimal, quantity: Decimal) -> None:
        assert instrument == "IBM"
        if self.is_up():
            self.settle()  # what was sent before has arrived before
        self.acceptor.do("trade", symbol="IBM.N", price=float(price), quantity=float(quantity))

    def end_session(self) -> None:
        if self.is_up():
            self.settle()
        self.acceptor.do("end_session")

    def refused_order(self, order_id: str) -> Order:
        return an_order(order_id, quantity=2_000_000)

    def place_foreign(self, order_id: str, quantity: Decimal) -> None:
        self.acceptor.do("foreign", id=order_id, symbol="IBM.N", quantity=float(quantity), price=float(self.price))

    def taken(self, order_id: str) -> int:
        if self.is_up():
            self.settle()
        found: int = self.acceptor.do("taken", id=order_id)
        return found

    def is_up(self) -> bool:
        link = link_of(self.venues[-1]) if self.venues else None
        return link is not None and link.is_up

    def settle(self) -> None:
        """Wait until both sides have counted the same messages: what was done has been heard."""
        self.wait(self._agree, "both sides to have heard everything")

    def _agree(self) -> bool:
        venue = self.venues[-1]
        link, _ = venue._opened()
        if not link.is_up:
            self.clock.advance(0.5)  # the pause before the next attempt
            return False
        with link.lock:
            ours = (link._session.next_in, link._session.next_out, True)
        return ours == tuple(self.acceptor.do("numbers"))

    def wait(self, true: Any, what: str) -> None:
        """Wait with a bound for `true()`; the adapter wakes us when something changed."""
        link = link_of(self.venues[-1]) if self.venues else None
        for _ in range(round(PATIENCE_S / 0.02)):
            if true():
                return
            if link is not None:
                with link.changed:
                    link.changed.wait(0.02)
            else:
                select.select([], [], [], 0.02)
        raise AssertionError(f"waited {PATIENCE_S} s for {what}")

    def close(self) -> None:
        for venue in self.venues:
            venue.close()
        self.acceptor.kill()
        self.wire.close()


def an_order(order_id: str = "alpha000000000000001a", quantity: int = 10, **changes: Any) -> Order:
    fine: dict[str, Any] = {
        "order_id": OrderId(order_id),
        "strategy": "trend",
        "instrument": "IBM",
        "venue": "broker",
        "side": Side.BUY,
        "quantity": Decimal(quantity),
        "order_type": OrderType.LIMIT,
        "limit_price": Decimal(100),
        "time_in_force": TimeInForce.GTC,
        "decision_price": None,
        "created_at": 1_700_000_000_000_000_000,
    }
    return Order(**{**fine, **changes})


def harness(tmp_path: Path) -> FixHarness:
    return FixHarness(tmp_path)
