"""The ledger's socket as other processes meet it: who may connect, what garbage does, and a core that restarts."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Conflict, OutcomeUnknown, Rejected, Unavailable
from steersman.ledger import NewEvent, new_event
from steersman.ledger.adapters.memory import MemoryLedger
from steersman.ledger.adapters.socket import Server, SocketLedger, answers, create, serve
from steersman.ledger.adapters.socket.frames import MAX_FRAME_BYTES, Append, Failed, Splitter, decode_reply, frame
from steersman.ledger.adapters.sqlite import SqliteLedger
from steersman.ledger.adapters.sqlite import create as create_file

NOW = 1_700_000_000_000_000_000


def an_event(number: int = 0, *, size: int = 0) -> NewEvent:
    data: dict[str, object] = {"n": number, "pad": "x" * size}
    return new_event("test.thing.happened", stream=f"s/{number}", data=data, actor="test", now_ns=NOW + number)


class Core:
    """A ledger file and its server, which can go and come back."""

    def __init__(self, folder: Path) -> None:
        self.file, self.socket = folder / "ledger.db", folder / "core.sock"
        self.start()

    def start(self) -> None:
        ledger = create_file(self.file, clock=FakeClock())
        assert isinstance(ledger, SqliteLedger)
        self.ledger = ledger
        self.server: Server = serve(ledger, self.socket)

    def stop(self) -> None:
        self.server.close()
        self.ledger.close()


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    found = Core(tmp_path)
    yield found
    found.stop()


@pytest.fixture
def client(core: Core) -> Iterator[SocketLedger]:
    found = create(core.socket, core.file)
    yield found
    found.close()


def dial(path: Path) -> socket.socket:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.settimeout(30)
    link.connect(str(path))
    return link


def test_only_this_user_may_reach_the_socket(core: Core) -> None:
    assert stat.S_IMODE(core.socket.stat().st_mode) == 0o600


def test_another_user_is_turned_away_and_nothing_is_written(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 12_345)  # as if the core ran as somebody else
    client = create(core.socket, core.file)
    # The reason may be lost when the core hangs up on what was being sent; that nothing was written may not.
    with pytest.raises((Rejected, OutcomeUnknown)):
        client.append([an_event()])
    client.close()
    assert core.ledger.head().pos == 0


def test_a_workspace_however_deep_has_a_working_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 90) / ("e" * 90)
    folder.mkdir(parents=True)
    core = Core(folder)
    client = create(core.socket, core.file)
    try:
        assert client.append([an_event()]).positions == (1,)
        assert stat.S_IMODE(core.socket.stat().st_mode) == 0o600
    finally:
        client.close()
        core.stop()


def test_a_second_server_is_refused_while_the_first_answers(core: Core) -> None:
    with pytest.raises(Conflict, match="somebody serves at"):
        serve(MemoryLedger(), core.socket)
    assert answers(core.socket)


def test_a_second_writer_of_the_file_is_refused_by_pid(core: Core) -> None:
    with pytest.raises(Conflict, match=f"process {os.getpid()} writes this ledger already"):
        create_file(core.file)


def test_a_socket_left_by_a_killed_core_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "core.sock"
    left = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left.bind(str(path))
    left.close()  # the file stays, as after kill -9
    server = serve(MemoryLedger(), path)
    assert answers(path)
    server.close()
    assert not path.exists()


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        (MAX_FRAME_BYTES + 1).to_bytes(4) + b"x",
        (3).to_bytes(4) + b"\xff\xff\xff",
        (16).to_bytes(4) + frame(Append(1, -1, [an_event()]))[4:20],
    ],
    ids=["http", "too long", "not msgpack", "torn event"],
)
def test_garbage_closes_that_connection_and_no_other(core: Core, client: SocketLedger, garbage: bytes) -> None:
    client.append([an_event(1)])
    with dial(core.socket) as link:
        link.sendall(garbage)
        replies = b"".join(iter(lambda: link.recv(1 << 16), b""))
    (body,) = Splitter().feed(replies)
    answer = decode_reply(body)
    assert isinstance(answer, Failed)
    assert answer.number == 0
    assert client.append([an_event(2)]).positions == (2,)
    assert core.ledger.head().pos == 2


def test_half_a_frame_and_silence_appends_nothing_and_disturbs_nobody(core: Core, client: SocketLedger) -> None:
    with dial(core.socket) as link:
        link.sendall(frame(Append(1, -1, [an_event(9)]))[:-1])
        assert client.append([an_event(1)]).positions == (1,)
    assert [event.stream for event in core.ledger.read()] == ["s/1"]


def test_a_client_that_does_not_read_its_answers_is_cut_off_and_commits_go_on(core: Core, client: SocketLedger) -> None:
    # Nothing to append: refused at once, with an answer twenty times as long as the question.
    raw = frame(Append(1, -1, [])) * 100_000
    with dial(core.socket) as deaf:
        with contextlib.suppress(OSError):
            deaf.sendall(raw)
        cut_off = select.poll()
        cut_off.register(deaf, 0)
        assert cut_off.poll(30_000) == [(deaf.fileno(), select.POLLHUP)]
    assert client.append([an_event()]).positions == (1,)


def test_appends_go_on_over_restarts_of_the_core_without_loss_or_repeat(core: Core, client: SocketLedger) -> None:
    stop = threading.Event()

    def work(worker: int) -> list[NewEvent]:
        done: list[NewEvent] = []
        while not stop.is_set():
            event = new_event("test.thing.happened", stream=f"w/{worker}", data={}, actor="test", now_ns=NOW)
            while True:
                try:
                    client.append([event])
                    break
                except Unavailable:  # the core is away, or the outcome unknown: the same id again
                    stop.wait(0.01)
            done.append(event)
        return done

    def restart() -> None:
        for _ in range(5):
            goal = core.ledger.head().pos + 50
            subscription = core.ledger.subscribe(after=goal - 1)
            assert subscription.next(30)
            core.stop()
            core.start()

    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(work, n) for n in range(3)]
        try:
            restart()
        finally:
            stop.set()
        appended = [event.id for worker in workers for event in worker.result(60)]
    stored = [event.id for event in core.ledger.read()]
    assert len(stored) == len(set(stored))
    assert set(stored) == set(appended)
    assert core.ledger.verify().ok


def test_without_a_core_an_append_says_how_to_start_it_and_reading_goes_on(core: Core, client: SocketLedger) -> None:
    client.append([an_event(1)])
    core.stop()
    lonely = create(core.socket, core.file)
    with pytest.raises(Unavailable, match="does not answer") as caught:
        lonely.append([an_event(2)])
    assert caught.value.fix == "start it: steersman up"
    assert [event.pos for event in lonely.read()] == [1]
    lonely.close()
    core.start()


def test_a_follower_sees_what_is_committed_before_and_after_the_core_restarts(core: Core, client: SocketLedger) -> None:
    subscription = client.subscribe(after=0)
    core.ledger.append([an_event(1)])
    assert [event.pos for event in subscription.next(30)] == [1]
    core.stop()
    core.start()
    core.ledger.append([an_event(2)])
    assert [event.pos for event in subscription.next(30)] == [2]
    subscription.close()


def test_an_event_too_large_is_refused_before_it_is_sent(client: SocketLedger) -> None:
    with pytest.raises(Rejected, match="1 to 4194304 are allowed"):
        client.append([an_event(size=5 << 20)])


def test_a_wrong_version_comes_back_as_a_conflict(client: SocketLedger) -> None:
    client.append([an_event(1)])
    with pytest.raises(Conflict, match="is at version 1, not 0") as caught:
        client.append([new_event("test.thing.happened", stream="s/1", data={}, actor="t", now_ns=NOW)], expect=0)
    assert caught.value.fix
