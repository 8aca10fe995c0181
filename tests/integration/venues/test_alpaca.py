"""Sending at Alpaca: once, whatever the other side does, and with a clear answer to what became of it."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from tests.integration.venues.alpaca_exchange import KEY, SECRET, Fault
from tests.integration.venues.alpaca_harness import AlpacaDesk

from steersman.kernel.errors import Conflict, Misconfigured, OutcomeUnknown, SteersmanError, Unavailable
from steersman.trading.model.order import Acknowledged, CancelRefused, Ended, Execution, OpenOrder
from steersman.trading.model.signal import OrderId, OrderType, Side, TimeInForce

FIRST, SECOND = "alpha000000000000001a", "alpha000000000000002b"
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[AlpacaDesk]:
    desk = AlpacaDesk(tmp_path)
    yield desk
    desk.harness.close()


# -- sent once ---------------------------------------------------------------------------------------------------

NOT_TAKEN = {
    "too many requests": Fault(method="POST", path="/v2/orders", status=429, body=b'{"message":"too many requests."}'),
    "no such key": Fault(
        method="POST", path="/v2/orders", status=401, body=b'{"code":40110000,"message":"request is not authorized"}'
    ),
    "a key of the other mode": Fault(method="POST", path="/v2/orders", status=403, body=b'{"message":"forbidden."}'),
    "not this API": Fault(method="POST", path="/v2/orders", status=404, body=b'{"message":"endpoint not found."}'),
}
UNKNOWN = {
    "500": Fault(method="POST", path="/v2/orders"),
    "502 in HTML": Fault(method="POST", path="/v2/orders", status=502, body=HTML),
    "503 of nothing": Fault(method="POST", path="/v2/orders", status=503, body=b""),
    "504": Fault(method="POST", path="/v2/orders", status=504, body=b'{"message":"gateway timeout"}'),
    "408": Fault(method="POST", path="/v2/orders", status=408, body=b""),
    "a redirect": Fault(method="POST", path="/v2/orders", status=307, body=b""),
    "403 in HTML": Fault(method="POST", path="/v2/orders", status=403, body=HTML),
    "404 in HTML": Fault(method="POST", path="/v2/orders", status=404, body=HTML),
    "422 of nothing": Fault(method="POST", path="/v2/orders", status=422, body=b""),
    "200 in HTML": Fault(method="POST", path="/v2/orders", status=200, body=HTML),
    "200 of nothing": Fault(method="POST", path="/v2/orders", status=200, body=b""),
    "200 of junk": Fault(method="POST", path="/v2/orders", status=200, body=b"\x00\xff\x16\x03\x01"),
    "200 of a list": Fault(method="POST", path="/v2/orders", status=200, body=b"[]"),
    "200 nested without end": Fault(method="POST", path="/v2/orders", status=200, body=b"[" * 100_000),
    "no answer": Fault(method="POST", path="/v2/orders", how="hang"),
    "a reset": Fault(method="POST", path="/v2/orders", how="reset"),
}


@pytest.mark.parametrize("name", NOT_TAKEN)
def test_what_was_not_taken_is_said_to_be_unsent_and_is_sent_once(desk: AlpacaDesk, name: str) -> None:
    fault = NOT_TAKEN[name]
    desk.fails("POST", status=fault.status, body=fault.body)
    with pytest.raises(Unavailable) as raised:
        desk.venue.submit(desk.order())
    assert not isinstance(raised.value, OutcomeUnknown)
    assert str(fault.status) in raised.value.message
    assert raised.value.fix
    assert desk.exchange.count("POST") == 1
    desk.poll()
    assert desk.reports == []
    desk.submit(desk.order())
    desk.poll()
    assert [a.order_id for a in desk.of(Acknowledged)] == [FIRST]
    assert desk.exchange.count("POST") == 2


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.parametrize("after", [False, True], ids=["before it was taken", "after it was taken"])
def test_what_may_have_been_taken_is_unknown_sent_once_and_found_by_looking(
    desk: AlpacaDesk, name: str, after: bool
) -> None:
    fault = UNKNOWN[name]
    desk.fails("POST", how=fault.how, status=fault.status, body=fault.body, after=after)
    order = desk.order()
    with desk.patience(fault.how), pytest.raises(OutcomeUnknown) as raised:
        desk.submit(order)
    assert raised.value.fix == "steersman reconcile"
    assert len(raised.value.message) < 700
    desk.harness.settle()
    found = desk.venue.lookup(OrderId(FIRST))
    assert (found is not None and found.status == "open") is after
    desk.poll()
    assert [type(r) for r in desk.reports] == ([Acknowledged] if after else [])
    assert desk.exchange.count("POST") == 1
    assert desk.exchange.connections <= 3
    # Whoever sends it again all the same is kept from a second order, and may send what never came.
    if after:
        with pytest.raises(Conflict):
            desk.venue.submit(order)
    else:
        desk.venue.submit(order)
    assert desk.harness.taken(FIRST) == 1


@pytest.mark.parametrize("how", ["half", "drip"])
def test_an_answer_that_does_not_come_whole_is_unknown(desk: AlpacaDesk, how: str) -> None:
    desk.fails("POST", how=how)
    with desk.patience(how), pytest.raises(OutcomeUnknown):
        desk.venue.submit(desk.order())
    assert desk.exchange.count("POST") == 1
    desk.poll()
    assert [type(r) for r in desk.reports] == [Acknowledged]


def test_an_answer_about_another_order_is_unknown(desk: AlpacaDesk) -> None:
    desk.submit(desk.order(SECOND, lots=3))
    told = desk.told(SECOND)
    for change in ({}, {"client_order_id": FIRST, "qty": "4"}, {"client_order_id": FIRST, "side": "sell"}):
        desk.fails("POST", status=200, body=msgspec.json.encode({**told, **change}))
        with pytest.raises(OutcomeUnknown):
            desk.venue.submit(desk.order(FIRST, lots=3))


def test_without_a_connection_nothing_was_sent(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    desk = AlpacaDesk(tmp_path, base_url=f"http://127.0.0.1:{port}", timeout="1s")
    try:
        with pytest.raises(Unavailable, match="not sent") as raised:
            desk.venue.submit(desk.order())
        assert not isinstance(raised.value, OutcomeUnknown)
        assert desk.venue.poll() == ()
    finally:
        desk.harness.close()


def test_a_name_that_does_not_resolve_means_nothing_was_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = AlpacaDesk(tmp_path, base_url="https://api.example.invalid", timeout="1s")

    def nobody(*args: object, **kwargs: object) -> object:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    try:
        with pytest.raises(Unavailable, match="not sent") as raised:
            desk.venue.submit(desk.order())
        assert not isinstance(raised.value, OutcomeUnknown)
    finally:
        monkeypatch.undo()
        desk.harness.close()


def test_an_id_that_the_account_knows_from_elsewhere_is_a_conflict_and_its_fate_is_reported(desk: AlpacaDesk) -> None:
    desk.harness.place_foreign(FIRST, Decimal(10))
    with pytest.raises(Conflict):
        desk.venue.submit(desk.order(lots=10))
    assert desk.harness.taken(FIRST) == 1
    desk.trade(10)
    desk.poll()
    assert desk.filled(FIRST) == 10


def test_another_program_with_our_id_is_not_taken_for_ours(desk: AlpacaDesk) -> None:
    desk.harness.place_foreign(FIRST, Decimal(7))
    with pytest.raises(Conflict):
        desk.venue.submit(desk.order(lots=10))
    desk.trade(10)
    with pytest.raises(Unavailable, match="another program"):
        desk.poll()
    assert desk.reports == []


def test_a_refusal_says_why(desk: AlpacaDesk) -> None:
    desk.submit(desk.harness.refused_order(FIRST))
    desk.exchange.assets.remove("MSFT")
    desk.submit(desk.order(SECOND, instrument="MSFT"))
    desk.poll()
    first, second = desk.of(Ended)
    assert (first.how, second.how) == ("rejected", "rejected")
    assert "insufficient buying power" in first.reason
    assert 'asset "MSFT" not found' in second.reason
    assert desk.exchange.count("POST") == 2
    assert desk.venue.lookup(OrderId(FIRST)) is None


def test_what_alpaca_does_not_take_is_not_sent(desk: AlpacaDesk) -> None:
    desk.submit(desk.order(FIRST, instrument="MSFT", quantity=Decimal("0.5")))
    desk.submit(desk.order(SECOND, time_in_force=TimeInForce.IOC, order_type=OrderType.STOP, limit_price=None,
                           stop_price=Decimal(90)))  # fmt: skip
    desk.poll()
    assert ["day" in ended.reason for ended in desk.of(Ended)] == [True, True]
    assert desk.exchange.count("POST") == 0
    with pytest.raises(Conflict):
        desk.venue.submit(desk.order(FIRST))


def test_an_order_travels_as_documented(desk: AlpacaDesk) -> None:
    desk.submit(
        desk.order(
            instrument="COIN",
            side=Side.SELL,
            quantity=Decimal("0.1200"),
            order_type=OrderType.STOP_LIMIT,
            limit_price=Decimal("60000.50"),
            stop_price=Decimal(61000),
        )
    )
    assert desk.exchange.bodies == [
        {
            "symbol": "BTC/USD",
            "qty": "0.12",
            "side": "sell",
            "type": "stop_limit",
            "time_in_force": "gtc",
            "client_order_id": FIRST,
            "extended_hours": False,
            "limit_price": "60000.5",
            "stop_price": "61000",
        }
    ]
    desk.poll()
    (shown,) = desk.venue.open_orders()
    assert (shown.instrument, shown.side, shown.quantity) == ("COIN", Side.SELL, Decimal("0.12"))


def test_nothing_in_the_environment_comes_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    desk = AlpacaDesk(tmp_path)
    try:
        desk.submit(desk.order())
        desk.poll()
        assert [a.order_id for a in desk.of(Acknowledged)] == [FIRST]
    finally:
        desk.harness.close()


def test_many_requests_share_one_connection(desk: AlpacaDesk) -> None:
    for number in range(20):
        desk.submit(desk.order(f"alpha0000000000000{number:03}a"))
        desk.poll()
    assert desk.exchange.connections == 1


# -- cancelling --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("how", ["answer", "hang", "reset"])
def test_a_cancel_of_unknown_outcome_says_so_and_may_be_asked_again(desk: AlpacaDesk, how: str, after: bool) -> None:
    desk.submit(desk.order())
    desk.fails("DELETE", how=how, after=after, status=504)
    with desk.patience(how), pytest.raises(OutcomeUnknown):
        desk.venue.cancel(OrderId(FIRST))
    assert desk.exchange.count("DELETE") == 1
    desk.venue.cancel(OrderId(FIRST))
    desk.poll()
    assert [e.how for e in desk.of(Ended)] == ["cancelled"]
    assert desk.of(CancelRefused) == []


def test_a_cancel_that_was_not_taken_says_so(desk: AlpacaDesk) -> None:
    desk.submit(desk.order())
    desk.fails("DELETE", status=429)
    with pytest.raises(Unavailable) as raised:
        desk.venue.cancel(OrderId(FIRST))
    assert not isinstance(raised.value, OutcomeUnknown)
    desk.poll()
    assert desk.of(Ended) == desk.of(CancelRefused) == []


def test_a_cancel_after_the_fill_is_refused_and_the_fill_reported(desk: AlpacaDesk) -> None:
    desk.submit(desk.order())
    desk.trade(10)
    desk.venue.cancel(OrderId(FIRST))
    desk.poll()
    (refused,) = desk.of(CancelRefused)
    assert 'already in "filled" state' in refused.reason
    assert desk.filled(FIRST) == 10
    assert desk.of(Ended) == []


@pytest.mark.parametrize("then", ["filled", "works on", "cancelled"])
def test_a_cancel_the_exchange_takes_its_time_for_is_answered_as_it_decides(desk: AlpacaDesk, then: str) -> None:
    desk.submit(desk.order())
    desk.exchange.hold_cancels = True
    desk.venue.cancel(OrderId(FIRST))
    desk.poll()
    assert desk.of(Ended) == desk.of(CancelRefused) == []
    desk.venue.cancel(OrderId(FIRST))  # answered 422 while it waits: no refusal
    desk.poll()
    assert desk.of(CancelRefused) == []
    if then == "filled":
        desk.exchange.fill(desk.exchange.of(FIRST), Decimal(10), Decimal(100))
    else:
        desk.exchange.decide_cancels(cancelled=then == "cancelled")
    desk.poll()
    desk.poll()
    assert [e.how for e in desk.of(Ended)] == (["cancelled"] if then == "cancelled" else [])
    assert len(desk.of(CancelRefused)) == (0 if then == "cancelled" else 1)
    assert desk.filled(FIRST) == (10 if then == "filled" else 0)


def test_an_order_of_an_earlier_life_is_cancelled_by_our_id(desk: AlpacaDesk) -> None:
    desk.submit(desk.order())
    desk.restart([])
    desk.venue.cancel(OrderId(FIRST))
    assert desk.told()["status"] == "canceled"
    before = desk.exchange.count("DELETE")
    desk.venue.cancel(OrderId(FIRST))
    desk.venue.cancel(OrderId(SECOND))
    assert desk.exchange.count("DELETE") == before
    assert list(desk.poll()) == []


# -- keys --------------------------------------------------------------------------------------------------------


def test_the_keys_appear_in_no_message_log_or_repr(desk: AlpacaDesk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = f'{{"message":"bad key {KEY} {SECRET}"}}'.encode()
    said: list[str] = []
    for fault in (
        Fault(method="POST", path="/v2/orders", status=401, body=echo),
        Fault(method="POST", path="/v2/orders", status=500, body=echo),
        Fault(method="POST", path="/v2/orders", status=200, body=echo),
        Fault(method="POST", path="/v2/orders", status=422, body=echo.replace(b"{", b'{"code":42210000,', 1)),
        Fault(method="POST", path="/v2/orders", how="reset"),
        Fault(method="POST", path="/v2/orders", how="hang"),
    ):
        desk.exchange.faults = [fault]
        try:
            with desk.patience(fault.how):
                desk.venue.submit(desk.order(f"alpha00000000000000{len(said):02}a"))
        except SteersmanError as exc:
            said.append(f"{exc} {exc!r} {exc.__cause__} {exc.__cause__!r}")
    desk.exchange.faults = [Fault(method="GET", path="/v2/", status=500, body=echo, times=9)]
    for ask in (desk.venue.positions, desk.venue.open_orders, lambda: desk.venue.lookup(OrderId(FIRST))):
        with pytest.raises(Unavailable) as raised:
            ask()
        said.append(f"{raised.value} {raised.value!r}")
    desk.heals()
    desk.poll()
    said += [repr(r) for r in desk.reports]
    said += [repr(v) for v in vars(desk.venue).values()] + [repr(v) for v in vars(desk.venue._client).values()]  # type: ignore[attr-defined]
    said += [repr(desk.venue), caplog.text]
    assert len(said) > 15
    # Not even a part: a message may be cut anywhere.
    assert [text for text in said if KEY[:8] in text or SECRET[:8] in text] == []


def test_wrong_keys_are_named_as_what_to_check(desk: AlpacaDesk) -> None:
    (desk.path / "secret").write_text("another\n", encoding="utf-8")
    desk.venue = desk.harness.restart()
    with pytest.raises(Unavailable, match="401") as raised:
        desk.venue.open_orders()
    assert "key and secret" in raised.value.fix
    assert "another" not in str(raised.value)


@pytest.mark.parametrize("value", ["two words", "line\nline", "naïve", "tab\tbed"])
def test_a_secret_that_cannot_be_one_is_refused_at_the_start(desk: AlpacaDesk, value: str) -> None:
    (desk.path / "secret").write_text(value, encoding="utf-8")
    with pytest.raises(Misconfigured, match="secret") as raised:
        desk.harness.restart()
    assert value not in str(raised.value)


def test_a_missing_secret_names_the_setting(desk: AlpacaDesk) -> None:
    (desk.path / "key").unlink()
    with pytest.raises(Misconfigured, match=r"alpaca: key: .*file:key"):
        desk.harness.restart()


def test_making_one_does_not_connect(desk: AlpacaDesk) -> None:
    desk.harness.restart()
    assert desk.exchange.connections == 0


# -- lives -------------------------------------------------------------------------------------------------------


def test_an_order_restored_that_never_came_may_be_sent(desk: AlpacaDesk) -> None:
    order = desk.order()
    desk.restart([OpenOrder(order=order, filled=Decimal(0), acknowledged=False)])
    desk.poll()
    assert desk.reports == []
    desk.submit(order)
    desk.poll()
    assert [a.order_id for a in desk.of(Acknowledged)] == [FIRST]
    assert desk.exchange.count("POST") == 1


def test_an_order_restored_that_came_is_not_sent_again_even_if_it_ended(desk: AlpacaDesk) -> None:
    order = desk.submit(desk.order())
    desk.trade(10)
    desk.restart([OpenOrder(order=order, filled=Decimal(0), acknowledged=False)])
    with pytest.raises(Conflict):
        desk.venue.submit(order)
    assert desk.exchange.count("POST") == 1
    desk.poll()
    assert desk.filled(FIRST) == 10


def test_when_nobody_can_say_whether_it_came_it_is_not_sent_again(desk: AlpacaDesk) -> None:
    order = desk.order()
    desk.restart([OpenOrder(order=order, filled=Decimal(0), acknowledged=False)])
    desk.fails("GET", status=503)
    with pytest.raises(OutcomeUnknown):
        desk.venue.submit(order)
    assert desk.exchange.count("POST") == 0


def test_executions_and_the_end_missed_while_down_come_in_order(desk: AlpacaDesk) -> None:
    desk.submit(desk.order(time_in_force=TimeInForce.DAY))
    desk.trade(3)
    desk.poll()
    known = desk.open_orders()
    desk.trade(4)
    desk.harness.end_session()
    desk.restart(known)
    desk.reports = []
    desk.poll()
    kinds = [type(r) for r in desk.reports]
    assert kinds == [Execution, Execution, Ended]  # the one that is known comes again, with its id
    assert sum(e.quantity for e in desk.of(Execution)) == 7
    assert desk.of(Ended)[0].how == "expired"


def test_an_order_that_the_account_forgot_is_said_to_be(desk: AlpacaDesk) -> None:
    desk.submit(desk.order())
    desk.poll()
    desk.exchange.orders.clear()
    desk.harness.settle()
    with pytest.raises(Unavailable, match="unknown now") as raised:
        desk.venue.poll()
    assert "belong to the account" in raised.value.fix


def test_an_order_that_never_came_is_asked_for_more_rarely(desk: AlpacaDesk) -> None:
    desk.restart([OpenOrder(order=desk.order(), filled=Decimal(0), acknowledged=False)])
    for _ in range(100):
        desk.poll()
    assert 10 <= desk.exchange.count("GET", "/v2/orders:by") <= 15
