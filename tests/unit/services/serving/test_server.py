"""The socket of the services: who is answered, who is turned away, and that nobody holds up the others."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.builders_automation import wait_for

from steersman.client.place import address
from steersman.client.problem import Problem
from steersman.client.wire import NobodyAnswers, ask
from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import Conflict, Misconfigured
from steersman.ledger import Ledger, new_event
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.services.ports import Lease
from steersman.services.serving import Claim, Handler, Running, Server
from steersman.services.serving.lanes import Lane
from steersman.services.serving.memory import MemoryCredentials, MemoryPulls

SECRET = "s3cret-of-the-shop"
CLOCK = SystemClock()


class Shop:
    """A workspace with one login and one pull, both in memory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ledger: Ledger = memory_ledger()
        self.credentials: Any = MemoryCredentials({"shop": SECRET}, self.ledger, CLOCK)
        self.body: Callable[[], bytes] = lambda: b"1,2,3\n"
        self.pulls: Any = MemoryPulls({"bars": self._bars}, root, self.ledger, CLOCK)
        self.commons_report = None

    def _bars(self) -> bytes:
        return self.body()

    @property
    def path(self) -> Path:
        return self.root / ".steersman" / "services.sock"

    @contextmanager
    def served(self, **options: Any) -> Iterator[Server]:
        server = Server(Claim(self.path), Handler(self, self.ledger, CLOCK), self.ledger, CLOCK, **options)
        try:
            yield server
        finally:
            server.close()

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        return ask(str(self.root), {"op": op, **fields}, timeout_s=10)

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [json.loads(event.data) for event in self.ledger.read(types=(kind,))]

    def connect(self) -> socket.socket:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(10)
        with address(str(self.path)) as where:
            link.connect(where)
        return link


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_a_lease_is_handed_out_under_the_name_of_the_process_that_asked(shop: Shop) -> None:
    with shop.served():
        lease = shop.ask("token", provider="shop")
    assert lease["secret"] == SECRET
    assert 0 < lease["left_s"] <= 60
    (granted,) = shop.events("services.lease.granted")
    assert granted["who"].startswith("script:")
    assert SECRET not in json.dumps(granted)


def test_an_automation_is_named_with_its_run(shop: Shop) -> None:
    code = (
        "import sys; from steersman.client.wire import ask; "
        "print(ask(sys.argv[1], {'op': 'ping'}, timeout_s=10)['who'])"
    )
    with shop.served(runs=lambda run_id: Running(automation="prices", pid=0) if run_id == "prices-1" else None):
        env = {**os.environ, "STEERSMAN_RUN_ID": "prices-1"}
        done = subprocess.run(
            [sys.executable, "-c", code, str(shop.root)], env=env, capture_output=True, text=True, check=True
        )
    assert done.stdout == "automation:prices\n"


def test_data_is_given_as_the_place_of_a_file(shop: Shop) -> None:
    with shop.served():
        first, second = shop.ask("pull", what="bars"), shop.ask("pull", what="bars")
    assert Path(first["path"]).read_bytes() == b"1,2,3\n"
    assert first["path"] == second["path"]
    assert shop.pulls.calls["bars"] == 1


def test_a_refusal_keeps_its_words(shop: Shop) -> None:
    with shop.served(), pytest.raises(Problem, match="no provider 'shoe'") as told:
        shop.ask("token", provider="shoe")
    assert told.value.kind == "Misconfigured"
    assert told.value.fix == "add [provider.shoe]"


def test_a_script_adds_an_event_of_its_own_once_however_often_it_is_sent(shop: Shop) -> None:
    with shop.served():
        event = {"type": "script.report.sent", "data": {"to": 3}, "nonce": "ab" * 16}
        assert shop.ask("emit", **event) == shop.ask("emit", **event)
    (said,) = shop.ledger.read(types=("script.*",))
    assert (said.type, json.loads(said.data)) == ("script.report.sent", {"to": 3})
    assert said.actor.startswith("script:")
    assert said.stream == said.actor.replace(":", "/")


def test_an_event_of_a_run_names_the_run_as_its_cause(shop: Shop) -> None:
    started = new_event("automation.run.started", stream="run/r-1", data={"run_id": "r-1"}, actor="desk", now_ns=1)
    shop.ledger.append([started])
    handler = Handler(shop, shop.ledger, CLOCK)
    from steersman.services.serving import Caller
    from steersman.services.serving.protocol import AskEmit

    handler.answer(
        AskEmit(type="script.report.sent", nonce="ab" * 16), Caller(who="automation:report", run_id="r-1", pid=1)
    )
    (said,) = shop.ledger.read(types=("script.*",))
    assert (said.causation_id, said.correlation_id) == (started.id, started.correlation_id)


@pytest.mark.parametrize(
    "kind",
    ["trading.order.filled", "policy.version.activated", "script.sent", "script.a.b.c", "script.A.b", "script.a.b\n"],
)
def test_no_script_writes_the_events_of_others(shop: Shop, kind: str) -> None:
    with shop.served(), pytest.raises(Problem) as told:
        shop.ask("emit", type=kind, nonce="ab" * 16)
    assert told.value.kind == "Rejected"
    assert list(shop.ledger.read()) == []


def test_an_event_with_a_leased_secret_or_without_measure_is_refused(shop: Shop) -> None:
    with shop.served():
        shop.ask("token", provider="shop")
        for data in ({"note": f"used {SECRET}"}, {"note": "x" * 20_000}):
            with pytest.raises(Problem, match=r"secret of shop|20,0\d\d bytes") as told:
                shop.ask("emit", type="script.note.made", data=data, nonce="ab" * 16)
            assert SECRET not in str(told.value)
    assert list(shop.ledger.read(types=("script.*",))) == []


# -- hostile and unlucky clients -----------------------------------------------------------------------------------


def test_clients_that_say_nothing_hold_up_nobody_and_are_dropped(shop: Shop) -> None:
    with shop.served(connections=8, request_s=0.2), contextlib.ExitStack() as links:
        silent = [links.enter_context(shop.connect()) for _ in range(40)]
        for link in silent[::2]:
            with contextlib.suppress(OSError):
                link.sendall(b'{"op":')
        assert shop.ask("ping")["pid"] == os.getpid()
        assert all(_ended(link) for link in silent)


def _ended(link: socket.socket) -> bool:
    """Say whether the other side closed the connection, having said why or nothing."""
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        while part := link.recv(4096):
            assert b"Unavailable" in part
    return True


def test_a_slow_answer_to_one_holds_up_nobody_else(shop: Shop) -> None:
    let_go = threading.Event()
    shop.body = lambda: b"late" if let_go.wait(20) else b""
    with shop.served():
        waiting = [threading.Thread(target=shop.ask, args=("pull",), kwargs={"what": "bars"}) for _ in range(40)]
        for thread in waiting:
            thread.start()
        try:
            assert shop.ask("token", provider="shop")["secret"] == SECRET
        finally:
            let_go.set()
            for thread in waiting:
                thread.join()


def test_a_client_that_does_not_read_its_answer_holds_up_nobody(shop: Shop) -> None:
    with shop.served(), shop.connect() as deaf:
        deaf.sendall(b'{"op":"status"}\n')
        assert shop.ask("ping")["pid"] == os.getpid()


def test_a_request_without_end_is_refused(shop: Shop) -> None:
    with shop.served(), shop.connect() as link:
        with contextlib.suppress(OSError):
            link.sendall(b"x" * 200_000)
        assert all(b"allowed" in part for part in _rest(link))
        assert shop.ask("ping")["pid"] == os.getpid()


def _rest(link: socket.socket) -> Iterator[bytes]:
    with contextlib.suppress(OSError):
        while part := link.recv(4096):
            yield part


def test_a_fault_of_ours_is_told_recorded_and_does_not_end_the_others(
    shop: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken() -> bytes:
        raise ZeroDivisionError(SECRET)

    shop.body = broken
    with shop.served():
        with pytest.raises(Problem, match="fault of their own"):
            shop.ask("pull", what="bars")
        assert shop.ask("ping")["pid"] == os.getpid()
    (failed,) = shop.events("services.request.failed")
    assert (failed["op"], failed["error"]) == ("pull", "ZeroDivisionError")
    assert "broken" in capfd.readouterr().err


def test_a_caller_that_cannot_be_named_costs_an_answer_and_no_thread(
    shop: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    def unknowable(run_id: str) -> Running | None:
        raise IndexError("string index out of range")

    code = "import sys; from steersman.client.wire import ask; ask(sys.argv[1], {'op': 'status'}, timeout_s=10)"
    with shop.served(runs=unknowable) as server:
        for _ in range(2):
            done = subprocess.run(
                [sys.executable, "-c", code, str(shop.root)],
                env={**os.environ, "STEERSMAN_RUN_ID": "prices-1"},
                capture_output=True,
                text=True,
                check=False,
            )
            assert "fault of their own (IndexError)" in done.stderr
        wait_for(lambda: not server._answering)
        assert shop.ask("ping")["pid"] == os.getpid()
    assert "unknowable" in capfd.readouterr().err


def test_a_job_that_raises_leaves_its_lane_as_wide_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    lane, done = Lane("test", 1), threading.Event()
    assert lane.put(partial(next, iter(())))
    assert lane.put(done.set)
    assert done.wait(10)
    assert lane.close(10)
    assert "StopIteration" in capfd.readouterr().err


def test_more_questions_than_can_wait_are_told_to_come_back(shop: Shop) -> None:
    gate = threading.Event()
    shop.body = lambda: b"1\n" if gate.wait(20) else b""
    with shop.served(waiting=3) as server, contextlib.ExitStack() as links:
        asking = [links.enter_context(shop.connect()) for _ in range(3)]
        for link in asking:
            link.sendall(b'{"op":"pull","what":"bars"}\n')
        wait_for(lambda: len(server._answering) == 3)
        with pytest.raises(Problem, match="3 questions are being answered already") as told:
            shop.ask("ping")
        assert told.value.kind == "Unavailable"
        gate.set()
        assert all(b'"value"' in b"".join(_rest(link)) for link in asking)
        assert shop.ask("ping")["pid"] == os.getpid()


def test_processes_of_other_users_are_turned_away_and_recorded_now_and_then(shop: Shop) -> None:
    with shop.served(peer_of=lambda link: (4321, os.getuid() + 1)):
        for _ in range(5):
            with pytest.raises(NobodyAnswers):
                shop.ask("token", provider="shop")
        wait_for(lambda: shop.events("services.client.refused"))
    (refused,) = shop.events("services.client.refused")
    assert (refused["uid"], refused["pid"], refused["times"]) == (os.getuid() + 1, 4321, 1)
    assert shop.credentials.leases["shop"] == 0


# -- the place -----------------------------------------------------------------------------------------------------


def test_the_socket_is_for_its_owner_only(shop: Shop) -> None:
    shop.path.parent.mkdir(mode=0o755)
    shop.path.parent.chmod(0o755)
    with shop.served():
        assert stat.S_IMODE(shop.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(shop.path.parent.stat().st_mode) == 0o700


def test_a_second_server_is_refused_and_told_which_process_serves(shop: Shop) -> None:
    with shop.served(), pytest.raises(Conflict, match=f"process {os.getpid()} serves"):
        Claim(shop.path)


def test_the_socket_of_a_killed_server_is_replaced(shop: Shop) -> None:
    code = (
        "import sys, time; from pathlib import Path; from steersman.services.serving import Claim; "
        "claim = Claim(Path(sys.argv[1])); print('up', flush=True); sys.stdin.read()"
    )
    killed = subprocess.Popen(
        [sys.executable, "-c", code, str(shop.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"up\n"
        killed.kill()
    assert shop.path.exists()
    with shop.served():
        assert shop.ask("ping")["pid"] == os.getpid()


def test_a_deep_workspace_is_served_too(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    shop = Shop(deep)
    with shop.served():
        assert shop.ask("ping")["pid"] == os.getpid()


def test_a_place_that_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "services.sock").mkdir()
    with pytest.raises(Misconfigured, match=r"services\.sock"):
        Claim(tmp_path / "services.sock")


def test_closing_answers_what_runs_and_leaves_nothing(shop: Shop) -> None:
    before = threading.active_count()
    asked, let_go = threading.Event(), threading.Event()
    found: list[dict[str, Any]] = []

    def slow() -> bytes:
        asked.set()
        let_go.wait(20)
        return b"done"

    shop.body = slow
    with shop.served() as server:
        client = threading.Thread(target=lambda: found.append(shop.ask("pull", what="bars")))
        client.start()
        assert asked.wait(10)
        closer = threading.Thread(target=server.close, kwargs={"grace_s": 20})
        closer.start()
        wait_for(lambda: not shop.path.exists())
        let_go.set()
        client.join()
        closer.join()
    assert Path(found[0]["path"]).read_bytes() == b"done"
    wait_for(lambda: threading.active_count() <= before)


def test_closing_does_not_wait_for_ever_and_who_is_cut_off_may_ask_elsewhere(shop: Shop) -> None:
    asked, let_go = threading.Event(), threading.Event()
    told: list[Exception] = []

    def stuck() -> bytes:
        asked.set()
        let_go.wait(20)
        return b""

    def client() -> None:
        try:
            shop.ask("pull", what="bars")
        except NobodyAnswers as exc:
            told.append(exc)

    shop.body = stuck
    with shop.served() as server:
        thread = threading.Thread(target=client)
        thread.start()
        assert asked.wait(10)
        server.close(grace_s=0.05)
        thread.join()
    let_go.set()
    assert len(told) == 1


def test_nobody_answers_after_the_end(shop: Shop) -> None:
    with shop.served():
        pass
    assert not shop.path.exists()
    with pytest.raises(NobodyAnswers):
        shop.ask("ping")


def test_a_lease_shows_its_secret_to_nobody() -> None:
    lease = Lease(lease_id="1", provider="shop", secret=SECRET, expires_at=0)
    assert SECRET not in repr(lease)
