"""A venue outside of the core: it remembers what the core forgets when it is killed, and can be asked for the truth.

It is as unhelpful as a venue may be: it takes a second order under the same client id as a second order. So what keeps
an order from being sent twice is the core alone. One JSON line asks, one answers.
"""

from __future__ import annotations

import json
import selectors
import socket
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from steersman.kernel.clock import Clock
from steersman.kernel.errors import OutcomeUnknown, Unavailable
from steersman.trading.model.bar import Bar
from steersman.trading.model.order import (
    Acknowledged,
    CancelRefused,
    Ended,
    Execution,
    OpenOrder,
    Order,
    Quote,
    Report,
    VenueOrder,
    VenuePosition,
)
from steersman.trading.model.signal import OrderId, Side

_TIMEOUT_S: Final = 10.0
_PRICE: Final = Decimal(100)


class Exchange:
    """Trades market orders in two parts at once, lets limit and stop orders rest. One thread serves all connections."""

    def __init__(self, path: Path) -> None:
        self.orders: list[dict[str, Any]] = []
        self.reports: list[dict[str, Any]] = []
        self.taken: Counter[str] = Counter()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._buffers: dict[socket.socket, bytes] = {}
        self._ending, self._end = socket.socketpair()
        self._selector.register(self._ending, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, name="proof-exchange", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._end.close()
        self._thread.join()
        for connection in [*self._buffers, self._listening, self._ending]:
            connection.close()
        self._selector.close()

    def executions(self) -> dict[str, tuple[str, str]]:
        """Return (client order id, quantity) by execution id."""
        return {r["execution_id"]: (r["order_id"], r["quantity"]) for r in self.reports if r["kind"] == "execution"}

    def position(self) -> Decimal:
        signs = {o["order_id"]: 1 if o["side"] == "buy" else -1 for o in self.orders}
        return sum((signs[oid] * Decimal(quantity) for oid, quantity in self.executions().values()), Decimal(0))

    # -- serving -------------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        while self._ending not in (ready := [key.fileobj for key, _ in self._selector.select()]):
            # What a dead process still had on the wire comes before anything its successor says.
            for connection in [c for c in self._buffers if c in ready]:
                self._read(connection)
            if self._listening in ready:
                connection, _ = self._listening.accept()
                connection.settimeout(0)
                self._buffers[connection] = b""
                self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, connection: socket.socket) -> None:
        try:
            while chunk := connection.recv(65_536):
                self._buffers[connection] += chunk
        except BlockingIOError:
            gone = False
        except OSError:
            gone = True
        else:
            gone = True
        *lines, self._buffers[connection] = self._buffers[connection].split(b"\n")
        for line in lines:
            answer = json.dumps(self._answer(json.loads(line))).encode() + b"\n"
            try:
                connection.sendall(answer)
            except OSError:
                gone = True
        if gone:
            self._selector.unregister(connection)
            del self._buffers[connection]
            connection.close()

    def _answer(self, asked: dict[str, Any]) -> Any:
        match asked["do"]:
            case "submit":
                return self._submit(asked["order"])
            case "cancel":
                return self._cancel(asked["order_id"])
            case "poll":
                return self.reports[asked["after"] :]
            case "lookup":
                return next((o for o in self.orders if o["order_id"] == asked["order_id"]), None)
            case "open_orders":
                return [o for o in self.orders if o["status"] == "open"]
            case _:
                return f"{self.position():f}"

    def _submit(self, order: dict[str, Any]) -> bool:
        self.taken[order["order_id"]] += 1
        number = len(self.orders) + 1
        told = {**order, "venue_order_id": f"x{number}", "filled": "0", "status": "open"}
        self.orders.append(told)
        self._say("acknowledged", told, venue_order_id=told["venue_order_id"])
        if order["market"]:
            whole = Decimal(order["quantity"])
            first = whole // 2
            for part, quantity in enumerate([q for q in (first, whole - first) if q], start=1):
                self._say(
                    "execution", told, execution_id=f"x{number}-{part}", quantity=f"{quantity:f}", price=f"{_PRICE:f}"
                )
            told["filled"], told["status"] = order["quantity"], "filled"
        return True

    def _cancel(self, order_id: str) -> bool:
        for told in self.orders:
            if told["order_id"] == order_id and told["status"] == "open":
                told["status"] = "cancelled"
                self._say("ended", told, how="cancelled", reason="asked for")
        return True

    def _say(self, kind: str, told: dict[str, Any], **facts: str) -> None:
        self.reports.append({"kind": kind, "order_id": told["order_id"], **facts})


class ExchangeVenue:
    """The port to an `Exchange` elsewhere; one connection for the life of the process."""

    name = "exchange"
    simulated = False
    oco = False

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._after = 0
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_TIMEOUT_S)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rb")

    def submit(self, order: Order) -> None:
        told = {
            "order_id": order.order_id,
            "instrument": order.instrument,
            "side": order.side.value,
            "quantity": f"{order.quantity:f}",
            "market": order.limit_price is None and order.stop_price is None,
        }
        try:
            self._ask("submit", order=told)
        except Unavailable as exc:
            raise OutcomeUnknown(exc.message, fix="look it up") from exc

    def cancel(self, order_id: OrderId) -> None:
        self._ask("cancel", order_id=order_id)

    def poll(self) -> Sequence[Report]:
        told = self._ask("poll", after=self._after)
        self._after += len(told)
        now = self._clock.now_ns()
        return [_report(report, now) for report in told]

    def lookup(self, order_id: OrderId) -> VenueOrder | None:
        told = self._ask("lookup", order_id=order_id)
        return None if told is None else _order(told)

    def open_orders(self) -> Sequence[VenueOrder]:
        return [_order(told) for told in self._ask("open_orders")]

    def positions(self) -> Sequence[VenuePosition] | None:
        quantity = Decimal(self._ask("position"))
        return [VenuePosition(instrument="ABC", quantity=quantity, average_price=_PRICE)] if quantity else []

    def quotes(self) -> Sequence[Quote]:
        return ()

    def restore(self, orders: Iterable[OpenOrder]) -> None:
        """Everything is reported from the beginning after a restart."""

    def on_bar(self, bar: Bar) -> None:
        """No bars here."""

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def _ask(self, do: str, **what: Any) -> Any:
        try:
            self._socket.sendall(json.dumps({"do": do, **what}).encode() + b"\n")
            return json.loads(self._lines.readline())
        except (OSError, ValueError) as exc:
            raise Unavailable(f"the exchange does not answer: {exc}", fix="see whether it runs") from exc


def _order(told: dict[str, Any]) -> VenueOrder:
    return VenueOrder(
        order_id=told["order_id"],
        venue_order_id=told["venue_order_id"],
        instrument=told["instrument"],
        side=Side(told["side"]),
        quantity=Decimal(told["quantity"]),
        filled=Decimal(told["filled"]),
        status=told["status"],
    )


def _report(told: dict[str, Any], now: int) -> Report:
    order_id = OrderId(told["order_id"])
    match told["kind"]:
        case "acknowledged":
            return Acknowledged(order_id=order_id, venue_order_id=told["venue_order_id"], at=now)
        case "execution":
            return Execution(
                order_id=order_id,
                execution_id=told["execution_id"],
                quantity=Decimal(told["quantity"]),
                price=Decimal(told["price"]),
                fee=Decimal(0),
                at=now,
            )
        case "ended":
            return Ended(order_id=order_id, how=told["how"], reason=told["reason"], at=now)
        case _:
            return CancelRefused(order_id=order_id, reason=told.get("reason", ""), at=now)
