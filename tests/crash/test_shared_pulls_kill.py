"""A machine that dies at any of its words to the commons: the other one is given the old data or the new, whole."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from tests.builders_pulls import CSV, Answer, Rig, Site, a_site, bars

from steersman.kernel.clock import FakeClock
from steersman.services.commons import Lock
from steersman.services.commons.adapters.memory import MemoryCommons, MemoryServer
from steersman.services.events import CACHE_QUARANTINED

pytestmark = pytest.mark.crash
NEWER = CSV + b"2026-01-07,SPY,98.5\n"


class Died(BaseException):
    """What a kill looks like from inside: nothing catches it, nothing is cleaned up at the server."""


class Dying(MemoryCommons):
    """Commons of a machine that is killed before its N-th change there, its lock still held."""

    def __init__(self, server: MemoryServer, fatal: int) -> None:
        super().__init__(server)
        self.fatal, self.changes = fatal, 0

    def write(self, name: str, data: bytes, *, under: Lock, ttl_s: float | None = None) -> None:
        self._count()
        super().write(name, data, under=under, ttl_s=ttl_s)

    def delete(self, name: str) -> None:
        self._count()
        super().delete(name)

    def _count(self) -> None:
        self.changes += 1
        if self.changes == self.fatal:
            raise Died


def _machine(root: Path, site: Site, clock: FakeClock, commons: MemoryCommons) -> Rig:
    root.mkdir()
    return Rig(root, bars(site, 'format = "bytes"', schema=""), clock=clock, commons=commons)


def _left_dies_at(fatal: int, folder: Path) -> int:
    """Have the left machine die at that change of its second flight; return how many changes it has made."""
    clock = FakeClock()
    server = MemoryServer(clock)
    with a_site(Answer(), Answer(body=NEWER)) as site, contextlib.ExitStack() as rigs:
        dying = Dying(server, fatal=0)
        left = rigs.enter_context(_machine(folder / "left", site, clock, dying))
        right = rigs.enter_context(_machine(folder / "right", site, clock, MemoryCommons(server)))
        left.pull()
        right.pull()
        clock.advance(70)
        dying.changes, dying.fatal = 0, fatal
        with contextlib.suppress(Died):
            left.pull()
        made = dying.changes
        server.holders.clear()  # its lease runs out
        given = right.pull()
        assert Path(given.path).read_bytes() == NEWER
        assert given.receipt.size_bytes == len(NEWER)
        assert site.calls in (2, 3), "at most one more call"
        assert right.events(CACHE_QUARANTINED) == []
        for name, (_, until) in server.records.items():
            assert until is not None, f"{name} would lie there for ever"
    return made


def test_a_kill_at_any_word_to_the_commons_leaves_them_whole(tmp_path: Path) -> None:
    made = _left_dies_at(0, tmp_path / _fresh(tmp_path))
    assert made == 3, "the data, the record that names it, the older data"
    for fatal in range(1, made + 1):
        _left_dies_at(fatal, tmp_path / _fresh(tmp_path))


def _fresh(folder: Path) -> str:
    name = f"try-{sum(1 for _ in folder.iterdir())}"
    (folder / name).mkdir()
    return name
