"""A small desk with a real ledger, served by the real server on a free port."""

from __future__ import annotations

import contextlib
import http.client
import queue
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlencode

import msgspec
from tests.builders_trading_ledger import a_fill, a_hold, a_mark, a_signal, a_verdict, an_intent, append

from steersman.bootstrap.desk import Desk
from steersman.bootstrap.workspace import load_workspace
from steersman.console.server import serve
from steersman.console.sessions import Sessions
from steersman.kernel.clock import Clock, SystemClock
from steersman.ledger.adapters.sqlite import create as sqlite_ledger
from steersman.trading import events as e

TOKEN = "a-token-that-only-this-test-knows-0123456789"
START = 1_700_000_000_000_000_000
DAY = 86_400_000_000_000
HOLD = e.trade_approval("s3")
TOML = """
[desk]
name = "Test desk"
tz = "UTC"
[instrument.IBM]
tick = "0.01"
venue = "paper"
[venue.paper]
kind = "paper"
[feed.daily]
kind = "replay"
[strategy.trend]
instruments = ["IBM"]
"""


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """A desk that is being served at `url`."""

    desk: Desk
    url: str
    token: str = TOKEN

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def add(self, type_: str, data: msgspec.Struct) -> None:
        append(self.desk.ledger, type_, data)

    def cookie(self) -> str:
        """Return the Cookie header of somebody who is signed in."""
        sessions = Sessions(self.token, self.desk.clock)
        return f"{sessions.cookie}={sessions.issue()}"

    def csrf(self, cookie: str) -> str:
        return Sessions(self.token, self.desk.clock).csrf(cookie.partition("=")[2])

    def ask(
        self, method: str, path: str, *, body: dict[str, str] | None = None, **headers: str
    ) -> tuple[int, dict[str, str], str]:
        """Send one request; return status, headers and text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, urlencode(body) if body else None, named)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, text
        finally:
            connection.close()


def a_desk(root: Path, *, clock: Clock | None = None, text: str = TOML) -> Desk:
    """Return the desk of a new workspace at `root`, its ledger open for writing."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "steersman.toml").write_text(text, encoding="utf-8")
    workspace = load_workspace(root)
    workspace.state.mkdir(exist_ok=True)
    clock = clock or SystemClock()
    return Desk(workspace, sqlite_ledger(workspace.ledger, clock=clock), clock)


def some_history(desk: Desk, *, days: int = 30) -> None:
    """Append `days` of marks, one filled order, a rejected signal with slashes in its id, and an open hold."""
    for day in range(days):
        equity = str(100_000 + day * 150 - (day % 5) * 400)
        at = START + day * DAY
        append(
            desk.ledger,
            e.ACCOUNT_MARKED,
            a_mark(at=at, equity=equity, drawdown_ratio=(day % 5) / 100, prices={"IBM": Decimal(100 + day)}),
        )
    last = START + (days - 1) * DAY
    append(desk.ledger, e.SIGNAL_RECEIVED, a_signal(at=START))
    append(desk.ledger, e.VERDICT_GIVEN, a_verdict(at=START))
    append(desk.ledger, e.ORDER_SUBMITTED, an_intent(at=START))
    append(desk.ledger, e.ORDER_FILLED, a_fill(at=START + DAY))
    append(desk.ledger, e.VERDICT_GIVEN, a_verdict("file:in/two", outcome="reject", failed=("MAX_NOTIONAL",), at=last))
    append(desk.ledger, e.VERDICT_GIVEN, a_verdict("s3", outcome="hold", failed=("APPROVAL",), at=last))
    append(
        desk.ledger,
        e.HOLD_REQUESTED,
        a_hold(HOLD, at=last, expires_at=last + DAY, signal_id="s3"),
        stream="approval/s3",
    )


@contextlib.contextmanager
def served(desk: Desk, *, port: int = 0, token: str = TOKEN) -> Iterator[Served]:
    """Serve `desk` and yield it; ends with the server stopped and the desk closed."""
    stop, urls, failed = threading.Event(), queue.Queue[str](), queue.Queue[BaseException]()

    def run() -> None:
        try:
            serve(desk, host="127.0.0.1", port=port, token=token, stop=stop, on_ready=urls.put)
        except BaseException as exc:  # noqa: BLE001 - handed to the test's thread
            failed.put(exc)
            urls.put("")

    thread = threading.Thread(target=run, name="served")
    thread.start()
    try:
        url = urls.get(timeout=60)
        if not url:
            raise failed.get()
        yield Served(desk=desk, url=url, token=token)
    finally:
        stop.set()
        thread.join(30)
        desk.close()
    assert not thread.is_alive()
