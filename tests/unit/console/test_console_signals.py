"""Signals over HTTP: who may send them, what becomes of each, and what is never kept."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.builders_console import Served, served
from tests.builders_signals import NOW, a_signal_desk, a_wish, an_alert, events, refusals, submitted
from tests.builders_trading_ledger import a_verdict, append

from steersman.console import intake
from steersman.console.token import read_or_create, renew
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Unavailable
from steersman.trading import events as e
from steersman.trading.model.signal import Side


class Door:
    """A served desk and its keys."""

    def __init__(self, here: Served, clock: FakeClock) -> None:
        self.here = here
        self.clock = clock
        self.ledger = here.desk.ledger
        workspace = here.desk.workspace
        self.root = workspace.root
        self.token = read_or_create(workspace.api_token)
        self.secret = read_or_create(workspace.hook_secret("trend"))

    def send(self, method: str, path: str, body: bytes | None, **headers: str) -> tuple[int, dict[str, str], Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.here.port, timeout=30)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            raw = answer.read()
            heads = {k.lower(): v for k, v in answer.getheaders()}
            return answer.status, heads, json.loads(raw) if "json" in heads.get("content-type", "") else raw.decode()
        finally:
            connection.close()

    def post(self, body: Any, **headers: str) -> tuple[int, dict[str, str], Any]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send("POST", "/api/signals", raw, **{"authorization": f"Bearer {self.token}", **headers})

    def get(self, path: str) -> tuple[int, dict[str, str], Any]:
        return self.send("GET", path, None, authorization=f"Bearer {self.token}")

    def alert(self, body: Any, *, strategy: str = "trend", **headers: str) -> tuple[int, dict[str, str], Any]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = {"content_type": "application/json; charset=utf-8"}
        return self.send("POST", f"/hooks/tradingview/{strategy}", raw, **{**kind, **headers})

    def alerted(self, **changes: Any) -> tuple[int, dict[str, str], Any]:
        return self.alert(an_alert(self.secret, **changes))


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    clock = FakeClock(NOW)
    with served(a_signal_desk(tmp_path / "desk", clock=clock)) as here:
        yield Door(here, clock)


def test_a_signal_is_in_the_ledger_when_the_api_answers(door: Door) -> None:
    status, _, said = door.post(a_wish(quantity=0.1))
    assert status == 202
    (answer,) = said["signals"]
    assert (answer["signal_id"], answer["listed_as"], answer["status"]) == ("s1", "api/s1", "accepted")
    (signal,) = submitted(door.ledger)
    assert (signal.source, signal.received_at) == ("api", NOW)
    assert (signal.request.side, signal.request.quantity) == (Side.BUY, Decimal("0.1"))
    assert events(door.ledger)[answer["pos"] - 1].actor == "api"


def test_the_same_signal_again_is_a_repeat_and_another_one_under_its_id_a_conflict(door: Door) -> None:
    first = door.post(a_wish())[2]["signals"][0]
    status, _, said = door.post(a_wish())
    assert (status, said["signals"][0]["status"], said["signals"][0]["pos"]) == (200, "repeated", first["pos"])
    status, _, said = door.post(a_wish(quantity=11))
    assert status == 409
    assert "came before with other contents" in said["signals"][0]["reason"]
    assert said["signals"][0]["fix"] == "give a new signal a new signal_id"
    assert len(submitted(door.ledger)) == 1
    assert "other contents" in refusals(door.ledger)[0].reason


def test_each_signal_of_a_list_has_its_own_answer_in_order(door: Door) -> None:
    wishes = [a_wish("a"), a_wish("b", strategy="trand"), "x", a_wish("c", instrument="IBN"), a_wish("d", side="up")]
    status, _, said = door.post([*wishes, a_wish("a")])
    assert status == 202
    answers = said["signals"]
    assert [answer["status"] for answer in answers] == ["accepted", *["refused"] * 4, "repeated"]
    assert "item 2: strategy: found 'trand', which is not declared; declared: other, trend" in answers[1]["reason"]
    assert "did you mean 'trend'?" in answers[1]["fix"]
    assert "did you mean 'IBM'?" in answers[3]["fix"]
    assert [refused.reason for refused in refusals(door.ledger)] == [answer["reason"] for answer in answers[1:5]]
    assert [refused.strategy for refused in refusals(door.ledger)] == ["", "", "trend", "trend"]


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"\xff\x00junk", 400, "byte 0 is not UTF-8"),
        (b"{", 400, "not JSON"),
        (b"[]", 400, "allowed: 1 to 1,000"),
        (json.dumps([{}] * 1001).encode(), 400, "a list of 1,001, allowed: 1 to 1,000"),
        (json.dumps(a_wish(quantity=float("nan"))).encode(), 400, "found NaN"),
    ],
)
def test_what_is_no_signal_is_refused_and_recorded(door: Door, body: bytes, status: int, reason: str) -> None:
    got, _, said = door.post(body)
    assert got == status
    assert reason in said["signals"][0]["reason"]
    assert [refused.source for refused in refusals(door.ledger)] == ["api"]
    assert reason in refusals(door.ledger)[0].reason
    assert submitted(door.ledger) == []


def test_ten_thousand_refusals_are_all_recorded_and_reported(door: Door) -> None:
    reported = 0
    for batch in range(10):
        status, _, said = door.post([a_wish(f"{batch}-{n}", quantity="NaN") for n in range(1000)])
        assert status == 400
        reported += len(said["signals"])
    assert reported == len(refusals(door.ledger)) == 10_000


def test_only_its_own_token_opens_the_api(door: Door) -> None:
    raw = json.dumps(a_wish()).encode()
    keys = [{}, {"authorization": "Bearer nonsense"}, {"authorization": f"Basic {door.token}"}]
    keys += [{"authorization": f"Bearer {door.here.token}"}, {"cookie": door.here.cookie()}]
    for key in keys:
        status, headers, said = door.send("POST", "/api/signals", raw, **key)
        assert (status, headers["www-authenticate"]) == (401, "Bearer")
        assert "signal hook --api" in said["fix"]
        assert door.send("GET", "/api/signals/s1", None, **key)[0] == 401
    assert door.here.ask("POST", "/login", body={"token": door.token})[0] == 403
    assert door.send("GET", "/", None, authorization=f"Bearer {door.token}")[0] == 401
    assert submitted(door.ledger) == []
    assert {refused.reason for refused in refusals(door.ledger)} == {"no token, or a wrong one"}


def test_a_renewed_token_counts_at_once(door: Door) -> None:
    fresh = renew(door.here.desk.workspace.api_token)
    assert door.post(a_wish())[0] == 401
    door.token = fresh
    assert door.post(a_wish())[0] == 202


def test_a_key_that_others_can_read_opens_nothing(door: Door) -> None:
    workspace = door.here.desk.workspace
    workspace.api_token.chmod(0o644)
    workspace.hook_secret("trend").chmod(0o640)
    status, _, said = door.post(a_wish())
    assert status == 401
    assert "can be read by other users" in said["error"]
    assert "chmod 600" in said["fix"]
    status, _, said = door.alerted()
    assert (status, said["error"]) == (401, "no such hook, or a wrong secret")
    assert submitted(door.ledger) == []
    reasons = [refused.reason for refused in refusals(door.ledger)]
    assert [reason.partition(":")[0] for reason in reasons] == ["the API is closed", "this hook is closed"]


def test_a_body_of_more_than_a_megabyte_is_not_read(door: Door) -> None:
    assert door.post(b"[" + b" " * (1 << 20) + b"]")[0] == 413


def test_too_many_requests_are_told_to_wait(door: Door) -> None:
    seen = [door.post(a_wish(f"s{n}"))[0] for n in range(101)]
    assert seen == [202] * 100 + [429]
    door.clock.advance(1)
    assert door.post(a_wish("later"))[0] == 202


def test_the_verdict_can_be_asked_for(door: Door) -> None:
    assert door.get("/api/signals/a/b")[0] == 404
    door.post(a_wish("a/b"))
    status, _, said = door.get("/api/signals/a/b")
    assert (status, said["status"], said["verdict"]) == (200, "waiting", None)
    append(door.ledger, e.VERDICT_GIVEN, a_verdict("api/a/b", outcome="reject", failed=("MAX_NOTIONAL",)))
    status, _, said = door.get("/api/signals/a/b")
    assert (status, said["status"]) == (200, "decided")
    assert (said["verdict"]["row"]["outcome"], said["verdict"]["row"]["failed"]) == ("reject", ["MAX_NOTIONAL"])
    assert door.get("/api/nothing")[0] == 404


def test_without_a_core_nothing_is_lost_and_the_answer_says_so(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise Unavailable("the core does not answer", fix="start it")

    with monkeypatch.context() as patched:
        patched.setattr(door.ledger, "append", away)
        for status, headers, said in (door.post(a_wish()), door.alerted()):
            assert (status, headers["retry-after"]) == (503, "5")
            assert "again with the same ids" in said["fix"]
    assert door.post(a_wish())[0] == 202
    assert door.alerted()[0] == 202
    assert len(submitted(door.ledger)) == 2


def test_an_alert_is_a_target_of_the_position_the_strategy_now_has(door: Door) -> None:
    status, _, said = door.alerted()
    assert (status, said["status"]) == (202, "accepted")
    assert said["signal_id"] == "trend:IBM:Long:1:2025-11-25T14:13:00Z"
    assert door.alerted(order_id="Short", market_position="short", market_position_size="4")[0] == 202
    assert door.alerted(order_id="Exit", market_position="flat", market_position_size="0", stop_loss="90")[0] == 202
    requests = [signal.request for signal in submitted(door.ledger)]
    assert [(r.target, r.side, r.quantity) for r in requests] == [
        (Decimal(10), None, None),
        (Decimal(-4), None, None),
        (Decimal(0), None, None),
    ]
    assert (requests[0].price, requests[0].notes) == (Decimal("101.25"), "order Long; 1")
    assert {signal.source for signal in submitted(door.ledger)} == {"tradingview"}


def test_an_alert_without_a_position_is_an_order(door: Door) -> None:
    alone: dict[str, Any] = {"market_position": None, "market_position_size": None}
    assert door.alerted(**alone, action="SELL", contracts=0.5, ticker="BTCUSDT", comment="exit")[0] == 202
    request = submitted(door.ledger)[0].request
    assert (request.side, request.quantity, request.instrument) == (Side.SELL, Decimal("0.5"), "BTC")


def test_the_template_with_nested_objects_is_understood(door: Door) -> None:
    alert = f"""{{
      "passphrase": "{door.secret}", "time": "2025-11-25T14:13:10Z", "exchange": "BINANCE", "ticker": "BTCUSDT",
      "bar": {{"time": "2025-11-25T14:13:00Z", "open": 1.1, "high": 2, "low": 1, "close": 1.5, "volume": NaN}},
      "strategy": {{"position_size": -3, "order_action": "sell", "order_contracts": 3, "order_price": 1.5,
        "order_id": "S", "market_position": "short", "market_position_size": 3, "prev_market_position": "flat",
        "prev_market_position_size": 0}}}}""".encode()
    status, _, said = door.alert(alert, content_type="text/plain; charset=utf-8")
    assert status == 400
    assert "market_position_size: is said twice" in said["reason"]
    status, _, said = door.alert(alert.replace(b'"position_size": -3, ', b""), content_type="text/plain")
    assert (status, said["signal_id"]) == (202, "trend:BTC:S:2025-11-25T14:13:00Z")
    assert submitted(door.ledger)[0].request.target == Decimal(-3)


def test_the_same_alert_a_hundred_times_at_once_is_one_signal(door: Door) -> None:
    ready = threading.Barrier(20)

    def send(_: int) -> int:
        ready.wait(30)
        return sum(door.alerted()[0] == 202 for _ in range(5))

    with ThreadPoolExecutor(20) as senders:
        taken = sum(senders.map(send, range(20)))
    assert taken == 1
    assert len(submitted(door.ledger)) == 1
    assert refusals(door.ledger) == []
    status, _, said = door.alerted()
    assert (status, said["status"]) == (200, "repeated")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"at": NOW - 301 * 10**9}, "timenow: found 2025-11-25T14:08:19Z, 301 s ago; allowed: 300 s"),
        ({"at": NOW + 301 * 10**9}, "301 s ahead"),
        ({"timenow": None}, "timenow: is missing"),
        ({"timenow": "2025-11-25T14:13:20"}, "no offset from UTC"),
        ({"ticker": "NASDAQ:IBN"}, "found 'IBN', which is not declared"),
        ({"ticker": None}, "ticker: is missing"),
        ({"market_position": "{{strategy.market_position}}"}, "which was not filled in"),
        ({"market_position": "up"}, "allowed: long, short, flat"),
        ({"market_position_size": None}, "market_position_size"),
        ({"market_position_size": "0"}, "found 0 with a long position"),
        ({"market_position_size": "NaN"}, "found NaN"),
        ({"market_position": None, "action": "exit"}, "allowed: buy, sell, or a market_position"),
        ({"market_position": None, "contracts": None}, "contracts: is missing"),
        ({"stop": "90"}, "stop: unknown field"),
        ({"strategy": "other"}, "the address says 'trend'"),
        ({"stop_loss": "99", "take_profit": "98"}, "below the take_profit"),
        ({"ticker": {"a": [[[]]]}}, "allowed: text or a number"),
        ({"symbol": "MSFT"}, "is said twice"),
    ],
)
def test_an_alert_that_is_no_signal_is_named_and_recorded(door: Door, changes: dict[str, Any], reason: str) -> None:
    status, _, said = door.alerted(**changes)
    assert status == 400
    assert reason in said["reason"]
    (refused,) = refusals(door.ledger)
    assert (refused.source, refused.strategy, refused.reason) == ("tradingview", "trend", said["reason"])
    assert door.secret not in refused.found
    assert submitted(door.ledger) == []


def test_an_alert_with_other_contents_under_the_same_order_and_bar_is_a_conflict(door: Door) -> None:
    assert door.alerted()[0] == 202
    assert door.alerted(market_position_size="20")[0] == 409
    assert len(submitted(door.ledger)) == 1


def test_forged_alerts_leave_a_record_and_no_order(door: Door) -> None:
    other = read_or_create(door.here.desk.workspace.hook_secret("other"))
    forged = [
        door.alert(an_alert("wrong")),
        door.alert(an_alert(other)),
        door.alert({k: v for k, v in an_alert("x").items() if k != "secret"}),
        door.alert(an_alert(door.secret), strategy="other"),
        door.alert(an_alert(door.secret), strategy="nothing"),
        door.alert(an_alert(door.secret), strategy="..%2F..%2Fapi"),
    ]
    for status, _, said in forged[:5]:
        assert (status, said["error"]) == (401, "no such hook, or a wrong secret")
    assert forged[5][0] in (401, 404)
    assert door.alert(b"junk")[0] == 400
    assert door.alert(b"[" * 9000)[0] == 400
    assert door.alert(b'{"secret": "' + b"x" * (16 << 10))[0] == 413
    assert door.alert(an_alert(door.secret), content_type="application/x-www-form-urlencoded")[0] == 415
    assert submitted(door.ledger) == []
    assert len(refusals(door.ledger)) >= 9
    assert door.alerted()[0] == 202


def test_a_flood_of_forged_alerts_is_counted_and_does_not_fill_the_ledger(door: Door) -> None:
    for _ in range(50):
        assert door.alert(an_alert("wrong"))[0] == 401
    assert len(refusals(door.ledger)) == 30
    assert door.alerted()[0] == 202
    door.clock.advance(2)
    door.alert(an_alert("wrong"))
    assert "20 more were turned away" in refusals(door.ledger)[-1].reason


def test_the_secret_is_found_nowhere(door: Door, capfd: pytest.CaptureFixture[str]) -> None:
    secret = door.secret
    said = [
        door.alerted(),
        door.alerted(market_position_size="11"),
        door.alerted(timenow="x"),
        door.alerted(comment=f"my {secret}"),
        door.alerted(order_id=secret),
        door.alerted(**{f"a{secret}": 1}),
        door.alerted(bar={"close": secret}),
        door.alert(json.dumps(an_alert(secret)).encode()[:-1]),
        door.alert(an_alert(secret), strategy="other"),
        door.alert({"passphrase": secret, **an_alert(secret)}),
        door.alert(f'"{secret}"'.encode()),
    ]
    assert [status for status, _, _ in said] == [202, 409, 400, 400, 400, 400, 400, 400, 401, 200, 400]
    assert secret not in json.dumps([[headers, body] for _, headers, body in said])
    pages = [door.here.ask("GET", path, cookie=door.here.cookie())[2] for path in ("/", "/about", "/data/equity.json")]
    assert not [page for page in pages if secret in page]
    kept = [path for path in door.root.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert kept == [door.here.desk.workspace.hook_secret("trend")]
    assert secret not in "".join(capfd.readouterr())
    assert len(submitted(door.ledger)) == 1


def test_a_tunnels_name_opens_the_webhooks_and_nothing_else(door: Door) -> None:
    tunnel = "hooks.example.com"
    assert door.alert(an_alert(door.secret), host=tunnel)[0] == 202
    assert door.alert(an_alert(door.secret), host=f"{tunnel}:443")[0] == 200
    assert door.alert(an_alert(door.secret), host="evil.example")[0] == 421
    assert door.post(a_wish(), host=tunnel)[0] == 421
    for path in ("/", "/login", "/events", "/static/console.css", "/hooksx/"):
        assert door.here.ask("GET", path, host=tunnel, cookie=door.here.cookie())[0] == 421, path
    status, _, said = door.send("GET", "/hooks/", None, host=tunnel)
    assert status == 404
    assert "Test desk" not in json.dumps(said)
    page = {"host": tunnel, "sec_fetch_site": "cross-site"}
    assert door.alert(an_alert(door.secret), **page)[0] == 403


def test_a_body_that_does_not_arrive_is_not_waited_for(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_BODY_S", 0.05)
    with socket.create_connection(("127.0.0.1", door.here.port), timeout=20) as slow:
        head = f"POST /hooks/tradingview/trend HTTP/1.1\r\nHost: localhost:{door.here.port}\r\n"
        slow.sendall(f"{head}Content-Type: text/plain\r\nContent-Length: 10\r\n\r\nhalf".encode())
        assert slow.recv(64).startswith(b"HTTP/1.1 408 ")
    assert submitted(door.ledger) == []
