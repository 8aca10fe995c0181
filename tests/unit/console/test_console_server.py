"""The console over HTTP: who gets in, what every answer carries, and what each page says."""

from __future__ import annotations

import gc
import re
import socket
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.builders_console import TOKEN, Served, a_desk, served, some_history
from tests.builders_trading_ledger import a_verdict

from steersman.console.gatekeeper import POLICY
from steersman.console.server import serve
from steersman.kernel.errors import Misconfigured
from steersman.policy.store import halt_event
from steersman.trading import events as e


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Served]:
    opened = a_desk(tmp_path / "desk")
    some_history(opened)
    with served(opened) as here:
        yield here


def test_nothing_but_the_sign_in_is_shown_to_a_stranger(desk: Served) -> None:
    for path in ("/", "/about", "/verdicts/s1", "/data/equity.json", "/events", "/nothing"):
        assert desk.ask("GET", path)[0] == 401, path
        status, headers, _ = desk.ask("GET", path, accept="text/html")
        assert (status, headers["location"]) == (303, "/login"), path
    assert desk.ask("GET", "/login")[0] == 200


def test_the_token_opens_and_any_other_does_not(desk: Served) -> None:
    status, headers, _ = desk.ask("POST", "/login", body={"token": TOKEN})
    assert status == 303
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert desk.ask("GET", "/", cookie=cookie.partition(";")[0])[0] == 200
    status, headers, text = desk.ask("POST", "/login", body={"token": TOKEN + "x"})
    assert (status, "set-cookie" in headers) == (403, False)
    assert "not the token" in text


def test_the_link_of_the_terminal_signs_in_with_one_click(desk: Served) -> None:
    status, headers, _ = desk.ask("GET", f"/login?token={TOKEN}")
    assert (status, headers["location"]) == (303, "/")
    assert TOKEN not in headers["set-cookie"]
    assert desk.ask("GET", "/login?token=wrong")[0] == 403


def test_guessing_is_slowed_down_even_for_the_right_token(desk: Served) -> None:
    for _ in range(5):
        assert desk.ask("POST", "/login", body={"token": "guess"})[0] == 403
    status, headers, _ = desk.ask("POST", "/login", body={"token": TOKEN})
    assert status == 429
    assert 0 < int(headers["retry-after"]) <= 60


def test_a_long_body_is_not_read(desk: Served) -> None:
    assert desk.ask("POST", "/login", body={"token": "x" * 10_000})[0] == 413


def test_another_host_name_is_refused_whoever_asks(desk: Served) -> None:
    for host in ("evil.example", f"evil.example:{desk.port}", "127.0.0.1.evil.example", "localhost@evil.example"):
        assert desk.ask("GET", "/", host=host, cookie=desk.cookie())[0] == 421, host
    for host in ("localhost", f"127.0.0.1:{desk.port}", f"[::1]:{desk.port}"):
        assert desk.ask("GET", "/", host=host, cookie=desk.cookie())[0] == 200, host


def test_a_change_needs_the_pages_token_and_the_same_site(desk: Served) -> None:
    cookie = desk.cookie()
    token = desk.csrf(cookie)
    assert desk.ask("POST", "/logout", cookie=cookie)[0] == 403
    assert desk.ask("POST", "/logout", cookie=cookie, x_csrf_token=desk.csrf(desk.cookie()))[0] == 403
    assert desk.ask("POST", "/logout", cookie=cookie, x_csrf_token=token, sec_fetch_site="cross-site")[0] == 403
    assert desk.ask("POST", "/login", body={"token": TOKEN}, sec_fetch_site="cross-site")[0] == 403
    status, headers, _ = desk.ask("POST", "/logout", cookie=cookie, x_csrf_token=token, sec_fetch_site="same-origin")
    assert status == 204
    assert "Max-Age=0" in headers["set-cookie"]


def test_every_answer_carries_the_policy(desk: Served) -> None:
    cookie = desk.cookie()
    for path in ("/", "/login", "/about", "/missing", "/static/console.css", "/static/none", "/data/equity.json"):
        _, headers, _ = desk.ask("GET", path, cookie=cookie)
        assert headers["content-security-policy"] == POLICY, path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    assert desk.ask("GET", "/", host="evil.example")[1]["content-security-policy"] == POLICY
    assert desk.ask("GET", "/", cookie=cookie)[1]["cache-control"] == "no-store"


def test_no_page_has_script_or_style_inside(desk: Served) -> None:
    for path in ("/", "/about", "/verdicts/s1", "/login"):
        _, _, text = desk.ask("GET", path, cookie=desk.cookie() if path != "/login" else "")
        assert "<style" not in text
        assert " style=" not in text
        assert " onclick=" not in text
        assert text.count("<script") == text.count("<script src=")


def test_the_overview_shows_what_happened(desk: Served) -> None:
    _, _, text = desk.ask("GET", "/", cookie=desk.cookie())
    for expected in ("Test desk", "no halt", "Nothing is wrong", "1 thing", "buy 10 IBM", "MAX_NOTIONAL", "until"):
        assert expected in text, expected


def test_a_verdict_whose_id_has_slashes_shows_every_check(desk: Served) -> None:
    cookie = desk.cookie()
    _, _, overview = desk.ask("GET", "/", cookie=cookie)
    assert 'href="/verdicts/file%3Ain%2Ftwo"' in overview
    status, _, text = desk.ask("GET", "/verdicts/file%3Ain%2Ftwo", cookie=cookie)
    assert status == 200
    for expected in ("HALT", "MAX_NOTIONAL", "30,000", "25,000", "−5,000", "missing", "2 of 4 passed", "No order"):
        assert expected in text, expected
    status, _, text = desk.ask("GET", "/verdicts/none", cookie=cookie)
    assert (status, "steersman signal list" in text) == (404, True)


def test_text_from_the_outside_is_shown_and_not_run(desk: Served) -> None:
    desk.add(e.VERDICT_GIVEN, a_verdict("<img src=x>", strategy="<script>alert(1)</script>"))
    _, _, text = desk.ask("GET", "/", cookie=desk.cookie())
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert" not in text
    status, _, text = desk.ask("GET", "/verdicts/%3Cimg%20src%3Dx%3E", cookie=desk.cookie())
    assert status == 200
    assert "<img" not in text


def test_equity_is_in_rising_time_with_its_fills(desk: Served) -> None:
    import json

    _, headers, text = desk.ask("GET", "/data/equity.json", cookie=desk.cookie())
    found = json.loads(text)
    times = [point[0] for point in found["points"]]
    assert headers["content-type"] == "application/json"
    assert times == sorted(set(times))
    assert len(times) == 30
    assert [fill[1:] for fill in found["fills"]] == [["B", "10 IBM"]]


def test_static_files_are_kept_forever_and_compressed_on_request(desk: Served) -> None:
    name = "/static/vendor/lightweight-charts.standalone.production.js"
    _, headers, plain = desk.ask("GET", name)
    assert "immutable" in headers["cache-control"]
    assert "content-encoding" not in headers
    _, headers, _ = desk.ask("GET", name, accept_encoding="gzip")
    assert headers["content-encoding"] == "gzip"
    assert int(headers["content-length"]) < len(plain) / 2
    for outside in ("/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd"):
        assert desk.ask("GET", outside)[0] in (401, 404), outside


def test_a_new_desk_teaches_the_next_step(tmp_path: Path) -> None:
    with served(a_desk(tmp_path / "new")) as here:
        _, _, text = here.ask("GET", "/", cookie=here.cookie())
    for expected in ("Nothing has run yet", "steersman doctor", "steersman auto run NAME", "steersman content check"):
        assert expected in text, expected


def test_a_taken_port_is_named_with_the_way_out(tmp_path: Path) -> None:
    desk = a_desk(tmp_path / "desk")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Misconfigured) as refused:
            serve(desk, host="127.0.0.1", port=port, token=TOKEN, stop=threading.Event(), on_ready=print)
    assert str(port) in refused.value.message
    assert "--port" in refused.value.fix
    desk.close()


def test_only_this_machine_is_served(tmp_path: Path) -> None:
    desk = a_desk(tmp_path / "desk")
    with pytest.raises(Misconfigured, match=r"0\.0\.0\.0"):
        serve(desk, host="0.0.0.0", port=0, token=TOKEN, stop=threading.Event(), on_ready=print)  # noqa: S104
    desk.close()


def test_when_starting_what_depends_on_it_fails_the_server_ends(tmp_path: Path) -> None:
    desk = a_desk(tmp_path / "desk")
    seen: list[str] = []

    def broken(url: str) -> None:
        seen.append(url)
        raise RuntimeError("the engine did not start")

    with pytest.raises(RuntimeError, match="did not start"):
        serve(desk, host="127.0.0.1", port=0, token=TOKEN, stop=threading.Event(), on_ready=broken)
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", int(seen[0].rpartition(":")[2]))) != 0
    desk.close()


def test_a_connection_that_comes_while_the_server_ends_is_let_go(tmp_path: Path) -> None:
    over, knocks = threading.Event(), list[socket.socket]()

    def knock(port: int) -> None:
        while not over.is_set():
            try:
                knocks.append(socket.create_connection(("127.0.0.1", port), 1))
            except OSError:
                return

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with served(a_desk(tmp_path)) as here:
            visitor = threading.Thread(target=knock, args=(here.port,))
            visitor.start()
            while not knocks and visitor.is_alive():
                visitor.join(0.01)
        over.set()
        visitor.join()
        for connection in knocks:
            connection.close()
        gc.collect()
    assert knocks
    assert [str(warning.message) for warning in told] == []


def test_everything_that_is_wrong_can_be_read_without_a_mouse_to_rest_on_it(tmp_path: Path) -> None:
    with served(a_desk(tmp_path / "halted")) as here:
        now = here.desk.clock.now_ns()
        events = [halt_event(f"venue:{name}", reason=name, actor="person:t", now_ns=now) for name in ("abc", "xyz")]
        here.desk.ledger.append(events)
        _, _, text = here.ask("GET", "/", cookie=here.cookie())
    assert re.search(r"<summary[^>]*>venue:abc halted: abc · 1 more</summary><ul><li>venue:xyz halted: xyz</li>", text)
