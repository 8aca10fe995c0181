"""The acts over HTTP: as forms and as JSON, who may do which, and what is never recorded."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from tests.builders_console import HOLD, Served, a_desk, served, some_history
from tests.builders_trading_ledger import an_intent, append

from steersman.console.token import read_or_create
from steersman.kernel.errors import Unavailable
from steersman.ledger import ANY, Appended, NewEvent
from steersman.policy.events import HALT_LIFTED, HALT_SET
from steersman.policy.store import halt_event
from steersman.trading import events as e
from steersman.trading import queries


class Desk:
    """A served desk with an open order, a hold, and the ways in."""

    def __init__(self, here: Served) -> None:
        self.here = here
        self.ledger = here.desk.ledger
        self.cookie = here.cookie()
        self.csrf = here.csrf(self.cookie)
        self.bearer = f"Bearer {read_or_create(here.desk.workspace.api_token)}"

    def send(self, path: str, body: bytes, **headers: str) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.here.port, timeout=30)
        try:
            connection.request("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def form(self, path: str, **fields: str) -> tuple[int, dict[str, str], str]:
        """Send a plain form of a page of this session."""
        return self.send(
            path,
            urlencode({"csrf": self.csrf, **fields}).encode(),
            cookie=self.cookie,
            content_type="application/x-www-form-urlencoded",
            sec_fetch_site="same-origin",
        )

    def person(self, path: str, **body: Any) -> tuple[int, Any]:
        status, _, text = self.send(path, json.dumps(body).encode(), cookie=self.cookie, x_csrf_token=self.csrf)
        return status, json.loads(text)

    def program(self, path: str, **body: Any) -> tuple[int, Any]:
        status, _, text = self.send(path, json.dumps(body).encode(), authorization=self.bearer)
        return status, json.loads(text)

    def said(self, *types: str) -> list[dict[str, Any]]:
        return [
            {"type": event.type, "actor": event.actor, **msgspec.json.decode(event.data)}
            for event in self.ledger.read(types=types)
        ]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    opened = a_desk(tmp_path / "desk")
    some_history(opened)
    append(opened.ledger, e.ORDER_SUBMITTED, an_intent("o9", signal_id="s9"), stream="order/o9")
    with served(opened) as here:
        yield Desk(here)


ANSWERS = (e.APPROVAL_GRANTED, e.APPROVAL_DENIED)
EVERYTHING = (*ANSWERS, HALT_SET, HALT_LIFTED, e.ORDER_CANCEL_REQUESTED, e.ORDER_REPLACE_REQUESTED)
PATHS = (
    "/api/halt",
    "/api/resume",
    f"/api/inbox/{HOLD}/approve",
    f"/api/inbox/{HOLD}/deny",
    "/api/orders/o9/cancel",
    "/api/orders/o9/replace",
    "/api/reconcile",
)


@pytest.mark.parametrize("path", PATHS)
def test_nobody_acts_without_a_token_or_a_page_of_a_session(desk: Desk, path: str) -> None:
    tries: Sequence[dict[str, str]] = (
        {},
        {"cookie": desk.cookie},
        {"cookie": desk.cookie, "x_csrf_token": "no"},
        {"cookie": desk.cookie, "x_csrf_token": desk.here.csrf(desk.here.cookie())},
        {"x_csrf_token": desk.csrf},
        {"authorization": "Bearer no"},
        {"authorization": f"Basic {desk.bearer}"},
        {"authorization": f"Bearer {desk.here.token}"},
        {"authorization": "Bearer no", "cookie": desk.cookie, "x_csrf_token": desk.csrf},
    )
    for headers in tries:
        status, _, text = desk.send(path, b"", **headers)
        assert status == 401, headers
        assert "Authorization" in json.loads(text)["fix"]
    assert desk.send(path, b"", authorization=desk.bearer, sec_fetch_site="cross-site")[0] == 403
    assert desk.said(*EVERYTHING, e.RECONCILE_REQUESTED) == []


@pytest.mark.parametrize("path", ["/halt", "/resume", f"/inbox/{HOLD}/approve", "/orders/o9/cancel", "/venues/settle"])
def test_a_form_needs_the_field_of_its_own_session(desk: Desk, path: str) -> None:
    for csrf in ("", "no", desk.here.csrf(desk.here.cookie())):
        assert desk.form(path, csrf=csrf, scope="all", confirmed="yes")[0] == 403
    kind = {"content_type": "application/x-www-form-urlencoded"}
    body = urlencode({"csrf": desk.csrf, "scope": "all"}).encode()
    assert desk.send(path, body, **kind)[0] == 401
    assert desk.send(path, body, cookie=desk.cookie, sec_fetch_site="cross-site", **kind)[0] == 403
    assert desk.send(path, body + b"&x=" + b"y" * 20_000, cookie=desk.cookie, **kind)[0] == 413
    assert desk.said(*EVERYTHING, e.RECONCILE_REQUESTED) == []


def test_a_program_halts_and_only_a_person_resumes(desk: Desk) -> None:
    status, said = desk.program("/api/halt", scope="strategy:trend", reason="drift")
    assert (status, said["halted"]) == (200, {"strategy:trend": "drift"})
    status, said = desk.program("/api/resume", scope="strategy:trend")
    assert (status, said["error"]) == (403, "only a person may re-arm what was halted, not a program")
    status, said = desk.person("/api/resume", scope="strategy:trend", reason="looked at")
    assert (status, said["halted"]) == (200, {})
    halt, lifted = desk.said(HALT_SET, HALT_LIFTED)
    assert (halt["actor"], lifted["actor"], lifted["reason"]) == ("api", "person:console", "looked at")


def test_an_empty_body_halts_everything(desk: Desk) -> None:
    status, _, text = desk.send("/api/halt", b"", authorization=desk.bearer)
    assert (status, json.loads(text)["halted"]) == (200, {"all": ""})


@pytest.mark.parametrize(
    ("body", "reason", "fix"),
    [
        ({"scope": "strategy:trnd"}, "no strategy 'trnd' is declared; declared: trend", "did you mean strategy:trend?"),
        ({"scope": "nonsense"}, "'nonsense' is not a halt scope", "use all, venue:NAME"),
        ({"scoop": "all"}, "unknown field `scoop`", "scope, reason"),
        ({"scope": 3}, "Expected `str`", "scope, reason"),
        ({"reason": "x" * 501}, "501 characters, allowed: 500", "shorter"),
    ],
)
def test_a_halt_that_means_nothing_is_refused_with_the_way_out(
    desk: Desk, body: dict[str, Any], reason: str, fix: str
) -> None:
    status, said = desk.program("/api/halt", **body)
    assert status == 400
    assert reason in said["error"]
    assert fix in said["fix"]
    assert desk.said(HALT_SET) == []


def test_resuming_what_is_not_halted_says_what_is(desk: Desk) -> None:
    desk.ledger.append([halt_event("venue:paper", reason="", actor="core", now_ns=1)])
    status, said = desk.person("/api/resume", scope="strategy:trend")
    assert (status, said["error"], said["fix"]) == (409, "strategy:trend is not halted", "halted now: venue:paper")


def test_a_hold_is_answered_by_a_person_once(desk: Desk) -> None:
    for path in (f"/api/inbox/{HOLD}/approve", f"/api/inbox/{HOLD}/deny"):
        assert desk.program(path)[0] == 403
    status, said = desk.person(f"/api/inbox/{HOLD}/approve", reason="fine")
    assert (status, said["status"], said["answered_by"], said["outcome"]) == (200, "approved", "person:console", None)
    status, said = desk.person(f"/api/inbox/{HOLD}/deny")
    assert (status, said["error"]) == (409, f"{HOLD} was granted by person:console before")
    (answer,) = desk.said(*ANSWERS)
    assert (answer["type"], answer["reason"]) == (e.APPROVAL_GRANTED, "fine")


def test_a_hold_that_is_not_there_or_over_is_not_answered(desk: Desk) -> None:
    assert desk.person("/api/inbox/trade/none/approve")[0] == 404
    append(desk.ledger, e.APPROVAL_EXPIRED, e.ApprovalExpired(approval_id=HOLD, at=1), stream="approval/s3")
    status, said = desk.person(f"/api/inbox/{HOLD}/approve")
    assert (status, said["error"]) == (409, f"{HOLD} expired; nothing was sent")
    assert desk.said(*ANSWERS) == []


def test_an_open_order_is_cancelled_and_one_that_is_over_is_not(desk: Desk) -> None:
    status, said = desk.program("/api/orders/o9/cancel", reason="flat by noon")
    assert (status, said["asked"]) == (200, "cancel o9")
    (asked,) = desk.said(e.ORDER_CANCEL_REQUESTED)
    assert (asked["order_id"], asked["by"], asked["reason"]) == ("o9", "api", "flat by noon")
    status, said = desk.person("/api/orders/o1/cancel")
    assert (status, said["error"]) == (409, "order o1 is filled already")
    assert desk.person("/api/orders/none/cancel")[0] == 404
    assert len(desk.said(e.ORDER_CANCEL_REQUESTED)) == 1


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"quantity": "ten"}, 400, "quantity: found 'ten', allowed: a number above 0"),
        ({"quantity": "NaN"}, 400, "quantity: found 'NaN'"),
        ({"quantity": -1}, 400, "quantity: found '-1'"),
        ({"limit_price": 5}, 400, "a market order has none"),
        ({}, 409, "nothing is to be changed"),
    ],
)
def test_a_replacement_that_cannot_be_is_refused(desk: Desk, body: dict[str, Any], status: int, reason: str) -> None:
    got, said = desk.person("/api/orders/o9/replace", **body)
    assert got == status
    assert reason in said["error"]
    assert desk.said(e.ORDER_REPLACE_REQUESTED) == []


def test_a_replacement_is_asked_for_with_exact_numbers(desk: Desk) -> None:
    assert desk.person("/api/orders/o9/replace", quantity="7.10")[0] == 200
    (asked,) = desk.said(e.ORDER_REPLACE_REQUESTED)
    assert (asked["quantity"], asked["limit_price"], asked["by"]) == ("7.10", None, "person:console")


def test_a_program_compares_and_only_a_person_settles(desk: Desk) -> None:
    status, said = desk.program("/api/reconcile")
    assert (status, said["asked"]) == (200, "reconcile")
    status, said = desk.program("/api/reconcile", settle=True)
    assert (status, said["error"]) == (409, "only a person settles differences, not api")
    assert desk.person("/api/reconcile", settle=True)[0] == 200
    assert [(r["by"], r["settle"]) for r in desk.said(e.RECONCILE_REQUESTED)] == [
        ("api", False),
        ("person:console", True),
    ]


def test_a_form_that_was_not_confirmed_does_nothing(desk: Desk) -> None:
    for path, fields in (
        (f"/inbox/{HOLD}/approve", {}),
        ("/orders/o9/cancel", {"confirmed": "no"}),
        ("/orders/o9/replace", {"quantity": "5"}),
        ("/resume", {"scope": "all", "confirmed": "al"}),
        ("/venues/settle", {"confirmed": "yes"}),
    ):
        status, _, text = desk.form(path, **fields)
        assert status == 400, path
        assert "confirm" in text, path
    assert desk.said(*EVERYTHING, e.RECONCILE_REQUESTED) == []


def test_a_form_goes_on_to_the_page_that_shows_what_was_done(desk: Desk) -> None:
    for path, fields, page in (
        (f"/inbox/{HOLD}/approve", {"confirmed": "yes"}, f"/inbox/{HOLD}"),
        ("/orders/o9/cancel", {"confirmed": "yes"}, "/orders/o9"),
        ("/halt", {"scope": "all", "reason": ""}, "/halts"),
        ("/resume", {"scope": "all", "confirmed": "all"}, "/halts"),
        ("/venues/reconcile", {}, "/venues"),
        ("/venues/settle", {"confirmed": "settle"}, "/venues"),
    ):
        status, headers, _ = desk.form(path, **fields)
        assert (status, headers.get("location")) == (303, page), path
        assert desk.here.ask("GET", page, cookie=desk.cookie)[0] == 200, page


def test_pages_of_what_is_not_there_say_so(desk: Desk) -> None:
    for path, words in (("/inbox/trade/none", "no hold"), ("/orders/none", "no order"), ("/signals?outcome=x", "")):
        status, _, text = desk.here.ask("GET", path, cookie=desk.cookie)
        assert status == (404 if words else 200), path
        assert words in text


def test_no_act_page_has_script_or_style_inside_or_lets_a_stranger_in(desk: Desk) -> None:
    for path in ("/inbox", f"/inbox/{HOLD}", "/halts", "/orders", "/orders/o9", "/signals", "/venues"):
        _, _, text = desk.here.ask("GET", path, cookie=desk.cookie)
        for never in ("<style", " style=", " onclick=", "javascript:"):
            assert never not in text, path
        assert text.count("<script") == text.count("<script src=")
        assert desk.here.ask("GET", path)[0] == 401


def test_text_from_outside_is_shown_and_not_run(desk: Desk) -> None:
    desk.form("/halt", scope="all", reason="<script>alert(1)</script>")
    desk.form("/orders/o9/cancel", confirmed="yes", reason="<img src=x>")
    for path in ("/halts", "/orders/o9", "/"):
        _, _, text = desk.here.ask("GET", path, cookie=desk.cookie)
        assert "<script>alert" not in text
        assert "<img" not in text


class Gone:
    """A ledger whose core went away: it can be read."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def append(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Appended:
        raise Unavailable("the core does not answer", fix="start it: steersman up")


def test_without_a_core_every_act_is_a_503_with_the_fix_and_nothing_is_recorded(desk: Desk) -> None:
    desk.ledger.append([halt_event("all", reason="", actor="core", now_ns=1)])
    desk.here.desk.ledger = Gone(desk.ledger)
    head = desk.ledger.head().pos
    for path in PATHS:
        body = {"quantity": "5"} if path.endswith("replace") else {}
        status, said = desk.person(path, **body)
        assert (status, said["fix"]) == (503, "start it: steersman up"), path
    status, _, text = desk.form("/halt", scope="all")
    assert status == 503
    assert "Nothing was recorded. start it: steersman up" in text
    assert desk.ledger.head().pos == head
    assert queries.holds(desk.here.desk.db, now_ns=0, open_only=True)
