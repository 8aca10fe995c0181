"""A counterparty: a QuickFIX acceptor with an order book. Run by an interpreter that has quickfix.

Commands are JSON objects, one a line, on stdin; each is answered by one line on stdout. State lives in the folder
given, sequence numbers in QuickFIX's own store there: another process goes on with it.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

import quickfix as fix  # type: ignore[import-not-found]

Order = dict[str, Any]


class Book:
    """Orders by client order id, with every message that makes one; prices and quantities as floats of few digits."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.orders: list[Order] = json.loads(file.read_text()) if file.exists() else []

    def save(self) -> None:
        self.file.write_text(json.dumps(self.orders))

    def find(self, order_id: str) -> Order | None:
        return next((order for order in self.orders if order["id"] == order_id), None)

    def position(self, symbol: str) -> float:
        return float(
            sum((o["filled"] if o["side"] == "1" else -o["filled"]) for o in self.orders if o["symbol"] == symbol)
        )


class Counterparty(fix.Application):  # type: ignore[misc]
    """Answers orders, cancels and questions; does not keep what it is told to lose."""

    def __init__(self, book: Book, version: str) -> None:
        super().__init__()
        self.book = book
        self.version = version
        self.lock = threading.RLock()
        self.silent = False
        self.deaf: set[str] = set()
        self.admin: list[str] = []
        self.session: Any = None

    # -- QuickFIX calls these ------------------------------------------------------------------------------------

    def onCreate(self, session: Any) -> None:  # noqa: N802
        self.session = session

    def onLogon(self, session: Any) -> None:  # noqa: N802
        pass

    def onLogout(self, session: Any) -> None:  # noqa: N802
        pass

    def toAdmin(self, message: Any, session: Any) -> None:  # noqa: N802
        self.admin.append(">" + message.getHeader().getField(35))

    def fromAdmin(self, message: Any, session: Any) -> None:  # noqa: N802
        self.admin.append("<" + message.toString().replace("\x01", "|"))

    def toApp(self, message: Any, session: Any) -> None:  # noqa: N802
        pass

    def fromApp(self, message: Any, session: Any) -> None:  # noqa: N802
        type_ = message.getHeader().getField(35)
        with self.lock:
            if type_ in self.deaf:
                return
            {
                "D": self.ordered,
                "F": self.cancelled,
                "H": self.asked,
                "AF": self.asked_all,
                "AN": self.asked_positions,
            }[type_](message)
            self.book.save()

    # -- what is asked of us -------------------------------------------------------------------------------------

    def ordered(self, m: Any) -> None:
        order = {
            "id": m.getField(11), "symbol": m.getField(55), "side": m.getField(54), "quantity": float(m.getField(38)),
            "type": m.getField(40), "limit": _float(m, 44), "stop": _float(m, 99), "tif": m.getField(59),
            "filled": 0.0, "value": 0.0, "status": "0", "executions": 0, "venue_id": f"V{len(self.book.orders) + 1}",
            "raw": m.toString().replace("\x01", "|"),
        }  # fmt: skip
        if order["quantity"] > 1_000_000:
            order["status"] = "8"
            self.tell(order, "8", [(103, "3"), (58, "more than we take")])
            return
        self.book.orders.append(order)
        self.tell(order, "0")
        if order["tif"] == "3":
            order["status"] = "4"
            self.tell(order, "4", [(58, "nothing to trade with")])

    def cancelled(self, m: Any) -> None:
        order = self.book.find(m.getField(41))
        if order is None or order["status"] not in "01":
            why = ("1", "unknown order") if order is None else ("0", "too late")
            known = (order["venue_id"], order["status"]) if order else ("NONE", "8")
            self.send("9", [(37, known[0]), (11, m.getField(11)), (41, m.getField(41)), (39, known[1]),
                            (434, "1"), (102, why[0]), (58, why[1])])  # fmt: skip
            return
        order["status"] = "4"
        self.tell(order, "4", [(41, order["id"])], order_id=m.getField(11))

    def asked(self, m: Any) -> None:
        order = self.book.find(m.getField(11))
        echo = [(790, m.getField(790))] if m.isSetField(790) else []
        if order is None:
            body = [(37, "NONE"), (11, m.getField(11)), (17, "0"), (39, "8"), (103, "5"), (55, m.getField(55)),
                    (54, m.getField(54)), (38, "0"), (14, "0"), (151, "0"), (6, "0"), (58, "none")]  # fmt: skip
            kind = [(150, "I")] if self.version == "FIX.4.4" else [(150, "8"), (20, "3")]
            self.send("8", [*body, *kind, *echo])
            return
        self.tell(order, "I", echo)

    def asked_all(self, m: Any) -> None:
        found = [o for o in self.book.orders if o["status"] in "01"]
        request = m.getField(584)
        if not found:
            self.send("8", [(37, "NONE"), (17, "0"), (150, "I"), (39, "8"), (584, request), (911, "0"), (55, "NONE"),
                            (54, "1"), (14, "0"), (151, "0"), (6, "0")])  # fmt: skip
        for number, order in enumerate(found, start=1):
            last = "Y" if number == len(found) else "N"
            self.tell(order, "I", [(584, request), (911, str(len(found))), (912, last)])

    def asked_positions(self, m: Any) -> None:
        symbols = {o["symbol"] for o in self.book.orders if o["filled"]}
        held = {s: self.book.position(s) for s in sorted(symbols)}
        result = "0" if held else "2"
        request = [(710, m.getField(710)), (721, "R1"), (728, result)]
        self.send("AO", [*request, (727, str(len(held))), (729, "0")])
        for symbol, units in held.items():
            side = (704, _plain(units)) if units > 0 else (705, _plain(-units))
            self.send("AP", [*request, (727, str(len(held))), (55, symbol), (702, "1"), (703, "TQ"), side])

    # -- what happens --------------------------------------------------------------------------------------------

    def trade(self, symbol: str, price: float, quantity: float) -> None:
        for order in self.book.orders:
            if order["symbol"] != symbol or order["status"] not in "01" or not _trades(order, price):
                continue
            part = min(quantity, round(order["quantity"] - order["filled"], 9))
            if part <= 0:
                continue
            quantity -= part
            order["filled"] = round(order["filled"] + part, 9)
            order["value"] += part * price
            order["executions"] += 1
            full = order["filled"] >= order["quantity"]
            order["status"] = "2" if full else "1"
            kind = "F" if self.version == "FIX.4.4" else order["status"]
            extra = [(32, _plain(part)), (31, _plain(price)), (12, "0.25"), (13, "3")]
            self.tell(order, kind, extra, number=f"E{order['executions']}")
        self.book.save()

    def end_session(self) -> None:
        for order in self.book.orders:
            if order["status"] in "01" and order["tif"] == "0":
                order["status"] = "C"
                self.tell(order, "C", [(58, "the day is over")])
        self.book.save()

    def tell(self, order: Order, kind: str, extra: Any = (), *, order_id: str = "", number: str = "0") -> None:
        """Send an ExecutionReport."""
        average = order["value"] / order["filled"] if order["filled"] else 0
        left = order["quantity"] - order["filled"] if order["status"] in "01" else 0
        body = [(37, order["venue_id"]), (11, order_id or order["id"]), (17, number), (39, order["status"]),
                (55, order["symbol"]), (54, order["side"]), (38, _plain(order["quantity"])), (59, order["tif"]),
                (14, _plain(order["filled"])), (151, _plain(left)), (6, _plain(average))]  # fmt: skip
        if self.version == "FIX.4.2":
            body.append((20, "3" if kind == "I" else "0"))
            kind = order["status"] if kind == "I" else kind
        if not (self.silent and kind == "0"):
            self.send("8", [*body, (150, kind), *extra])

    def send(self, type_: str, body: Any) -> None:
        message = fix.Message()
        message.getHeader().setField(35, type_)
        for tag, value in body:
            message.setField(tag, value)
        fix.Session.sendToTarget(message, self.session)


def _float(m: Any, tag: int) -> float | None:
    return float(m.getField(tag)) if m.isSetField(tag) else None


def _plain(value: float) -> str:
    return f"{value:.9f}".rstrip("0").rstrip(".")


def _trades(order: Order, price: float) -> bool:
    buys = order["side"] == "1"
    stop, limit = order["stop"], order["limit"]
    if stop is not None and (price < stop if buys else price > stop):
        return False
    return limit is None or (price <= limit if buys else price >= limit)


def _obey(command: dict[str, Any], party: Counterparty, acceptor: Any) -> Any:
    do, session = command.pop("do"), fix.Session.lookupSession(party.session)
    if do == "numbers":
        return [session.getExpectedSenderNum(), session.getExpectedTargetNum(), session.isLoggedOn()]
    if do == "skip":  # numbers go on by `by` as if messages had been lost for good
        session.setNextSenderMsgSeqNum(session.getExpectedSenderNum() + command["by"])
        party.send("4", [(123, "N"), (36, str(session.getExpectedSenderNum() + 1))])
        session.setNextSenderMsgSeqNum(session.getExpectedSenderNum())
        return None
    if do == "set_numbers":
        session.setNextSenderMsgSeqNum(command["sender"])
        session.setNextTargetMsgSeqNum(command["target"])
        return None
    if do == "stop":
        acceptor.stop(True)
        return None
    if do == "logout":
        session.logout(command["reason"])
        return None
    with party.lock:
        return _of_the_book(do, command, party)


def _of_the_book(do: str, command: dict[str, Any], party: Counterparty) -> Any:
    if do == "trade":
        party.trade(command["symbol"], command["price"], command["quantity"])
    elif do == "end_session":
        party.end_session()
    elif do == "taken":
        return sum(order["id"] == command["id"] for order in party.book.orders)
    elif do == "raw":
        return [order["raw"] for order in party.book.orders]
    elif do == "admin":
        return party.admin
    elif do == "foreign":
        party.book.orders.append({"id": command["id"], "symbol": command["symbol"], "side": "1", "type": "2",
                                  "quantity": command["quantity"], "limit": command["price"], "stop": None,
                                  "tif": "1", "filled": 0.0, "value": 0.0, "status": "0", "executions": 0,
                                  "venue_id": "F1", "raw": ""})  # fmt: skip
        party.book.save()
    elif do == "silent":
        party.silent = command["on"]
    elif do == "deaf":
        party.deaf = set(command["to"])
    elif do == "send":
        party.send(command["type"], command["body"])
    elif do == "forget":
        party.book.orders = [order for order in party.book.orders if order["id"] != command["id"]]
    else:
        raise ValueError(f"no command {do!r}")
    return None


def main() -> None:
    port, folder, version, sender, target, more = sys.argv[1:]
    settings = Path(folder) / "acceptor.cfg"
    settings.write_text(
        f"[DEFAULT]\nConnectionType=acceptor\nSocketAcceptPort={port}\nSocketReuseAddress=Y\nFileStorePath={folder}\n"
        f"UseDataDictionary=N\nStartTime=00:00:00\nEndTime=00:00:00\nCheckLatency=N\nHeartBtInt=30\n{more}\n"
        f"[SESSION]\nBeginString={version}\nSenderCompID={sender}\nTargetCompID={target}\n"
    )
    configured = fix.SessionSettings(str(settings))
    party = Counterparty(Book(Path(folder) / "book.json"), version)
    acceptor = fix.SocketAcceptor(party, fix.FileStoreFactory(configured), configured)
    acceptor.start()
    print(json.dumps("listening"), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        stop = command["do"] == "stop"
        try:
            print(json.dumps(_obey(command, party, acceptor)), flush=True)
        except Exception as exc:  # noqa: BLE001 - the test reads it and fails with it
            print(json.dumps({"error": repr(exc)}), flush=True)
        if stop:
            return
    acceptor.stop(True)  # whoever started us is gone


if __name__ == "__main__":
    main()
