"""`--links` against a server of ours: what is dead, what is unclear, and what is never asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.builders_content import a_checker, write_draft
from tests.dripping_server import dripping

from steersman.content.qa.asking import Asker
from steersman.content.qa.links import check_links
from steersman.kernel.clock import FakeClock
from steersman.ledger.adapters.memory import create as memory_ledger


class Site(BaseHTTPRequestHandler):
    """Answers by path; writes down who asked what."""

    asked: list[tuple[str, str]]

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.asked.append((self.command, self.path))
        number = self.path.strip("/").split("/")[0]
        status = 405 if number == "nohead" and self.command == "HEAD" else 200 if number == "nohead" else 0
        self.send_response(status or (int(number) if number.isdigit() else 302))
        if number.startswith("loop"):
            self.send_header("Location", self.path + "x")
        elif number == "away":
            self.send_header("Location", "file:///etc/passwd")
        elif number == "moved":
            self.send_header("Location", "/404")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    asked: list[tuple[str, str]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Asked", (Site,), {"asked": asked}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def kinds(asker: Asker, base: str, *paths: str) -> list[str]:
    answers = asker.ask([f"{base}/{path}" for path in paths])
    return [answers[f"{base}/{path}"].kind for path in paths]


def test_each_answer_has_its_kind(site: tuple[str, list[tuple[str, str]]]) -> None:
    base, asked = site
    asker = Asker(allow_private=True, timeout_s=5)
    paths = ("200", "204", "nohead", "404", "410", "moved", "403", "429", "500", "loop", "away")
    assert kinds(asker, base, *paths) == [
        "fine", "fine", "fine", "dead", "dead", "dead", "unclear", "unclear", "unclear", "unclear", "unasked",
    ]  # fmt: skip
    assert sum(path.startswith("/loop") for _, path in asked) == 6
    assert ("GET", "/200") not in asked, "the body is not asked for when HEAD is enough"


def test_addresses_of_this_network_are_not_asked_unless_allowed(site: tuple[str, list[tuple[str, str]]]) -> None:
    base, asked = site
    assert kinds(Asker(), base, "200") == ["unasked"]
    for inside in ("10.0.0.1", "169.254.169.254", "::1", "192.168.1.1", "::ffff:10.0.0.1", "fd00::1"):
        asker = Asker(resolve=lambda host, port, at=inside: [at])  # type: ignore[misc]
        assert kinds(asker, "http://named.example", "x") == ["unasked"]
    assert asked == []


def test_a_host_that_is_not_there_is_dead_and_no_network_is_unclear() -> None:
    def nobody(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no such host")

    def offline(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    assert kinds(Asker(resolve=nobody), "http://gone.example", "x") == ["dead"]
    assert kinds(Asker(resolve=offline), "http://far.example", "x") == ["unclear"]


def test_a_server_that_does_not_answer_is_unclear() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        base = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert kinds(Asker(allow_private=True, timeout_s=0.2), base, "x") == ["unclear"]


def test_findings_stand_at_the_address_and_answers_are_kept_for_a_day(
    site: tuple[str, list[tuple[str, str]]], tmp_path: Path
) -> None:
    base, asked = site
    write_draft(tmp_path, body=f"[a]({base}/200#part) and [b]({base}/404) and `{base}/500` and [c]({base}/500).\n")
    checker = a_checker(tmp_path, memory_ledger())
    reports = checker.check_all()
    clock = FakeClock()
    asker = Asker(allow_private=True, timeout_s=5)

    def again(most: int = 200) -> tuple[list[tuple[str, str, str]], str]:
        (report,), sentence = check_links(
            tmp_path, tmp_path / ".steersman", checker.settings, reports, clock, asker=asker, most=most
        )
        return [(f.rule, f.severity, f.excerpt) for f in report.findings if f.source == "links"], sentence

    expected = [("DeadLink", "warn", f"{base}/404"), ("UnclearLink", "info", f"{base}/500")]
    assert again() == (expected, "addresses: 3 found, 3 asked, 1 dead")
    before = len(asked)
    assert again() == (expected, "addresses: 3 found, 1 asked, 1 dead")
    assert {path for _, path in asked[before:]} == {"/500"}, "what was clear is not asked again"
    assert base not in (tmp_path / ".steersman" / "content-links.json").read_text(encoding="utf-8")
    clock.advance(25 * 3600)
    assert "2 left for the next run" in again(most=1)[1]


def test_a_name_server_that_changes_its_mind_leads_nowhere(site: tuple[str, list[tuple[str, str]]]) -> None:
    base, asked = site
    # The first look-up says an address of the world, the request's own one leads to this machine.
    asker = Asker(resolve=lambda host, port: ["93.184.215.14"])
    assert kinds(asker, base.replace("127.0.0.1", "localhost"), "200") == ["unasked"]
    assert asked == []


def test_headers_that_drip_hold_nobody_up() -> None:
    with dripping() as base:
        assert kinds(Asker(allow_private=True, timeout_s=0.2), base, "x") == ["unclear"]
