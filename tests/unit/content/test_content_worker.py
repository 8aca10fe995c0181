"""The worker owns the clock: what is due goes out, late posts and a silent worker are told within a minute."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.builders_content import a_publisher, told, write_draft

from steersman.content import queries
from steersman.content.adapters.memory import MemoryChannel
from steersman.content.ports import Post, Publication
from steersman.content.projections.posts import Posts
from steersman.content.publishing import heartbeat
from steersman.content.publishing.alarms import Watchman, last_seen
from steersman.content.publishing.heartbeat import Heartbeat, Waiting
from steersman.content.publishing.worker import LOOK_S, Worker
from steersman.kernel.clock import FakeClock, iso
from steersman.kernel.errors import Unavailable
from steersman.ledger import Ledger
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.ledger.projections import Projector, open_reader

MINUTE = 60 * 10**9


class Desk:
    """A workspace, its worker, and a clock that is moved."""

    def __init__(self, root: Path, channel: MemoryChannel | None = None) -> None:
        self.root = root
        self.clock = FakeClock()
        self.ledger: Ledger = memory_ledger()
        self.channel = channel or MemoryChannel()
        self.said: list[str] = []
        self.scans = 0
        self.worker = self.a_worker()

    def a_worker(self) -> Worker:
        def publisher() -> Any:
            self.scans += 1
            return a_publisher(self.root, self.ledger, self.channel, clock=self.clock)

        return Worker(
            publisher=publisher, root=self.root, folder="content", ledger=self.ledger, clock=self.clock,
            say=self.said.append,
        )  # fmt: skip

    def pass_time(self, seconds: float) -> None:
        """Tick as often as the worker asks for, until so much time has passed."""
        while seconds > 0:
            step = min(self.worker.tick(), seconds)
            self.clock.advance(step)
            seconds -= step
        self.worker.tick()

    def alarms(self) -> list[str]:
        return [kind.removeprefix("post.") for kind, _ in told(self.ledger, "content.post.*") if "overdue" in kind]


def in_minutes(desk: Desk, minutes: float) -> str:
    return iso(desk.clock.now_ns() + int(minutes * MINUTE))


class Down(MemoryChannel):
    """Unavailable until told otherwise."""

    is_down = True

    def publish(self, post: Post) -> Publication:
        if self.is_down:
            raise Unavailable("down")
        return super().publish(post)


def test_a_post_that_was_taken_away_is_not_told_with_every_look(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    write_draft(tmp_path)
    desk.pass_time(1)
    a_publisher(tmp_path, desk.ledger, desk.channel, clock=desk.clock).remove([Path("content/one.md")], reason="old")
    desk.pass_time(5 * 60)
    desk.worker = desk.a_worker()
    desk.pass_time(5 * 60)
    assert desk.said == ["published content/one.md on site: memory:///one"]


def test_a_post_goes_out_when_its_time_comes_and_not_before(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    write_draft(tmp_path, date=in_minutes(desk, 10))
    desk.pass_time(10 * 60 - 1)
    assert desk.channel.posts == {}
    desk.pass_time(2)
    assert list(desk.channel.posts) == ["site/one"]
    assert desk.said == ["published content/one.md on site: memory:///one"]
    assert desk.alarms() == []


def test_nothing_is_read_again_while_nothing_changes(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    write_draft(tmp_path)
    desk.pass_time(55)
    assert desk.scans == 1
    write_draft(tmp_path, body="Edited, and longer than before.\n")
    desk.pass_time(LOOK_S)
    assert desk.scans == 2
    assert desk.channel.posts["site/one"].body.strip() == "Edited, and longer than before."


def test_what_was_unavailable_is_tried_again_until_it_is_out(tmp_path: Path) -> None:
    channel = Down()
    desk = Desk(tmp_path, channel)
    write_draft(tmp_path)
    desk.pass_time(300)
    planned = [kind for kind, _ in told(desk.ledger, "content.post.planned")]
    assert 3 <= len(planned) <= 5, "with growing pauses"
    channel.is_down = False
    desk.pass_time(300)
    assert list(channel.posts) == ["site/one"]
    assert desk.said.count("failed content/one.md on site: down") == 1, "said once, not with every try"


def test_a_late_post_is_told_within_a_minute_and_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    write_draft(tmp_path, date=in_minutes(desk, 5), body="A TODO.\n")
    desk.pass_time(5 * 60 + 30)
    assert desk.alarms() == []
    desk.pass_time(29)
    assert desk.alarms() == ["overdue"]
    desk.pass_time(600)
    assert desk.alarms() == ["overdue"]
    db = read(desk, tmp_path)
    (late,) = queries.overdue(db)
    assert (late.draft, late.channel) == ("content/one.md", "site")
    assert late.overdue_reason == "blocked: 1 open gate: line 7, Unfinished"


def test_a_late_post_that_goes_out_or_is_called_back_is_late_no_more(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    write_draft(tmp_path, "one.md", date=in_minutes(desk, 1), body="A TODO.\n")
    write_draft(tmp_path, "two.md", date=in_minutes(desk, 1), body="A TODO.\n")
    desk.pass_time(150)
    assert len(queries.overdue(read(desk, tmp_path))) == 2
    write_draft(tmp_path, "one.md", date=in_minutes(desk, -3), body="Done.\n")
    write_draft(tmp_path, "two.md", status="draft", body="A TODO.\n")
    desk.pass_time(30)
    assert queries.overdue(read(desk, tmp_path)) == []
    assert list(desk.channel.posts) == ["site/one"]


def test_a_post_without_a_date_is_late_from_its_first_try(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Down())
    write_draft(tmp_path)
    desk.pass_time(40)
    assert desk.alarms() == []
    desk.pass_time(20)
    desk.pass_time(300)
    assert desk.alarms() == ["overdue"], "once, however often it is tried"


def test_a_draft_that_is_not_ready_is_never_late(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    write_draft(tmp_path, status="draft", date=in_minutes(desk, 1))
    desk.pass_time(600)
    assert desk.alarms() == []


@pytest.mark.parametrize("back_s", [10, 55])
def test_a_jump_of_the_clock_that_is_put_right_lets_nothing_out_early(tmp_path: Path, back_s: int) -> None:
    desk = Desk(tmp_path)
    write_draft(tmp_path, date=in_minutes(desk, 5))
    desk.pass_time(30)
    desk.clock.set(desk.clock.now_ns() + 600 * 10**9)
    desk.pass_time(back_s)
    assert desk.channel.posts == {}
    desk.clock.set(desk.clock.now_ns() - 600 * 10**9)
    desk.pass_time(120)
    assert desk.channel.posts == {}
    assert desk.said[0] == "publishing: the clock jumped by +600 s; nothing goes out for 60 s"
    desk.pass_time(300)
    assert len(desk.channel.calls) == 1


def test_a_clock_that_goes_back_a_day_publishes_nothing_twice(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    write_draft(tmp_path)
    desk.pass_time(30)
    desk.clock.set(desk.clock.now_ns() - 86_400 * 10**9)
    desk.pass_time(120)
    assert len(desk.channel.calls) == 1


def test_an_error_of_ours_ends_a_look_and_not_the_worker(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    desk = Desk(tmp_path)
    stop = threading.Event()
    ticks = iter([RuntimeError("a mistake"), Unavailable("no core", fix="start it"), None])

    def tick() -> float:
        trouble = next(ticks)
        if trouble is not None:
            raise trouble
        stop.set()
        return 0.0

    desk.worker.tick = tick  # type: ignore[method-assign]
    stop.wait = lambda timeout=None: stop.is_set()  # type: ignore[method-assign]
    desk.worker.run(stop)
    assert "RuntimeError: a mistake" in capsys.readouterr().err
    assert desk.said == ["publishing: no core; start it"]


def test_the_automation_and_the_worker_together_make_one_post(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    write_draft(tmp_path)
    other = a_publisher(tmp_path, desk.ledger, desk.channel, clock=desk.clock)
    assert [o.outcome for o in other.publish_all(due=True)] == ["published"]
    desk.pass_time(120)
    assert len(desk.channel.calls) == 1


# -- somebody else watches ------------------------------------------------------------------------------------------


def a_watchman(desk: Desk) -> Watchman:
    return Watchman(root=desk.root, ledger=desk.ledger, clock=desk.clock, actor="core")


def test_a_worker_that_beats_is_left_alone_and_no_worker_at_all_too(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    watchman = a_watchman(desk)
    for _ in range(20):
        assert watchman.look() == ""
        desk.clock.advance(5)
    write_draft(tmp_path, date=in_minutes(desk, 60))
    for _ in range(60):
        desk.worker.tick()
        assert watchman.look() == ""
        desk.clock.advance(5)
    assert last_seen(desk.ledger) is None


def test_silence_while_posts_wait_is_told_within_a_minute_whatever_the_wall_clock_does(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    write_draft(tmp_path, date=in_minutes(desk, 2))
    desk.worker.tick()
    watchman = a_watchman(desk)
    watchman.look()
    desk.clock.set(desk.clock.now_ns() - 3600 * 10**9)
    heard = [(step, said) for step in range(60) if (said := look_after(desk, watchman, 1))]
    assert heard == [(45, "the publishing worker is silent for 46 s; 1 post waits")]
    assert a_watchman(desk).look() == "", "a watchman that is started anew says it no second time"
    desk.a_worker().tick()
    assert "publishes again" in watchman.look()


def test_posts_that_come_due_while_the_worker_is_silent_are_overdue(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    write_draft(tmp_path, date=in_minutes(desk, 2))
    desk.worker.tick()
    watchman = a_watchman(desk)
    for _ in range(200):
        look_after(desk, watchman, 1)
    ((_, overdue),) = told(desk.ledger, "content.post.overdue")
    assert overdue["reason"] == "the publishing worker is silent"
    assert 0 < overdue["at"] - overdue["due_at"] < MINUTE


def test_silence_without_posts_is_nobodys_business(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.worker.tick()
    watchman = a_watchman(desk)
    assert [look_after(desk, watchman, 1) for _ in range(200)] == [""] * 200


def test_a_worker_that_is_killed_is_missed(tmp_path: Path) -> None:
    """A real process beats, and is ended by SIGKILL."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom tests.unit.content.test_content_worker import Desk, in_minutes\n"
        "from tests.builders_content import write_draft\n"
        "desk = Desk(Path(sys.argv[1]))\nwrite_draft(desk.root, date=in_minutes(desk, 60))\n"
        "desk.worker.tick()\nprint('beats', flush=True)\n"
        "for _ in sys.stdin:\n    desk.worker.tick()\n    print('beats', flush=True)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    desk = Desk(tmp_path)
    watchman = a_watchman(desk)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=environment,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "beats\n"
        for _ in range(3):
            process.stdin.write("on\n")
            process.stdin.flush()
            assert process.stdout.readline() == "beats\n"
            assert look_after(desk, watchman, 40) == ""
        process.send_signal(signal.SIGKILL)
        process.wait()
        said = [look_after(desk, watchman, 10) for _ in range(6)]
    assert [text for text in said if text] == ["the publishing worker is silent for 50 s; 1 post waits"]
    found = last_seen(desk.ledger)
    assert found is not None
    assert found[0]
    row = queries.worker(read(desk, tmp_path))
    assert row is not None
    assert (row.silent, row.waiting) == (True, 1)


def test_a_beat_that_is_none_of_ours_is_no_beat(tmp_path: Path) -> None:
    path = tmp_path / heartbeat.FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff{")
    assert heartbeat.read(path) is None
    late = Waiting(key="a/b", channel="a", draft="d", due_at=2, reason="")
    beat = Heartbeat(worker="w", pid=1, count=1, at=1, waiting=(late, msgspec.structs.replace(late, due_at=1)))
    heartbeat.write(path, beat)
    found = heartbeat.read(path)
    assert found is not None
    assert [one.due_at for one in found.waiting] == [1, 2]


def look_after(desk: Desk, watchman: Watchman, seconds: float) -> str:
    desk.clock.advance(seconds)
    return watchman.look()


def read(desk: Desk, root: Path) -> Any:
    projector = Projector(desk.ledger, root / "projections.db", [Posts()])
    projector.catch_up()
    projector.close()
    return open_reader(root / "projections.db")
