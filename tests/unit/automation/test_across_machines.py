"""Tokens over all machines: never more out than there are, first come first served, whoever is silent holds nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.automation.admission.across_machines import LEASE_S, AcrossMachines, Place, in_the_way, living
from steersman.automation.admission.tokens import Tokens
from steersman.automation.model.manifest import Automation, Manifest
from steersman.automation.standing import standing
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Unavailable
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.services.commons import Lock, SharedSettings
from steersman.services.commons.adapters.memory import MemoryCommons, MemoryServer

THERE: Final = {"api": 1, "cpu": 2}
COMMON: Final = frozenset({"api"})


class Machine:
    """A workspace with runs that want tokens."""

    def __init__(self, folder: Path, server: MemoryServer, clock: FakeClock) -> None:
        self.folder, self.clock = folder, clock
        settings = SharedSettings(kind="memory", namespace="desk", machine=folder.name)
        self.across = AcrossMachines(MemoryCommons(server), settings, folder / "services", clock)
        self.tokens = Tokens(folder / "runs")
        self._asked_for: set[str] = set()

    def take(self, run_id: str, **wanted: int) -> str:
        self._asked_for.add(run_id)
        self.clock.advance(1)  # longer than an answer is kept for
        name = run_id.partition("-")[0]
        return self.tokens.take(
            run_id, name, wanted, THERE, self.clock.now_ns(), across=self.across, over_machines=COMMON
        )

    def close(self) -> None:
        """Have nobody speak for it any more."""
        for run_id in self._asked_for:
            self.across.drop(run_id)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def server(clock: FakeClock) -> MemoryServer:
    return MemoryServer(clock)


@pytest.fixture
def attic(tmp_path: Path, server: MemoryServer, clock: FakeClock) -> Iterator[Machine]:
    with closing(Machine(tmp_path / "attic", server, clock)) as machine:
        yield machine


@pytest.fixture
def cellar(tmp_path: Path, server: MemoryServer, clock: FakeClock) -> Iterator[Machine]:
    with closing(Machine(tmp_path / "cellar", server, clock)) as machine:
        yield machine


def test_what_one_machine_holds_no_other_has_even_for_a_run_of_the_same_name(attic: Machine, cellar: Machine) -> None:
    assert attic.take("a-1", api=1) == ""
    assert cellar.take("a-1", api=1) == "waits for api: held by a-1 on attic"
    assert attic.take("a-1", api=1) == ""
    attic.tokens.drop("a-1")
    assert cellar.take("a-1", api=1) == ""
    assert attic.take("a-2", api=1) == "waits for api: held by a-1 on cellar"


def test_who_came_first_is_served_first_on_whatever_machine(attic: Machine, cellar: Machine) -> None:
    attic.take("a-1", api=1)
    cellar.take("b-1", api=1)
    attic.take("c-1", api=1)
    attic.tokens.drop("a-1")
    assert attic.take("c-1", api=1) == "waits for api: b-1 on cellar came first"
    assert cellar.take("b-1", api=1) == ""


def test_what_is_counted_here_is_counted_on_each_machine(attic: Machine, cellar: Machine) -> None:
    assert attic.take("a-1", cpu=2) == ""
    assert cellar.take("b-1", cpu=2) == ""
    assert attic.take("c-1", cpu=1, api=1) == "waits for cpu: held by a-1"
    assert cellar.take("d-1", api=1) == "waits for api: c-1 on attic came first", "all or nothing, in order"
    attic.tokens.drop("a-1")
    assert attic.take("c-1", cpu=1, api=1) == ""


def test_a_machine_that_is_silent_for_a_lease_holds_nothing(attic: Machine, cellar: Machine, clock: FakeClock) -> None:
    attic.take("a-1", api=1)
    for _ in range(int(LEASE_S) - 2):
        assert cellar.take("b-1", api=1) == "waits for api: held by a-1 on attic"
    clock.advance(3)
    assert cellar.take("b-1", api=1) == ""


def test_a_machine_that_comes_back_is_counted_for_what_it_still_runs(
    attic: Machine, cellar: Machine, clock: FakeClock
) -> None:
    attic.take("a-1", api=1)
    cellar.take("b-1", api=1)
    clock.advance(LEASE_S - 2)
    cellar.take("b-1", api=1)
    clock.advance(5)
    assert cellar.take("b-1", api=1) == ""
    attic.take("c-1", api=1)
    assert {(h.machine, h.run_id) for h in cellar.across.holders() if h.held} == {("attic", "a-1"), ("cellar", "b-1")}


def test_after_the_server_was_away_everybody_gets_a_lease_to_speak_again(
    attic: Machine, cellar: Machine, server: MemoryServer, clock: FakeClock
) -> None:
    attic.take("a-1", api=1)
    server.stop()
    clock.advance(600)
    assert "do not answer" in cellar.take("b-1", api=1)
    server.start()
    clock.advance(5)
    assert cellar.take("b-1", api=1) == "waits for api: held by a-1 on attic"
    attic.take("c-1", api=1)  # whatever a machine says, it speaks for all it holds
    clock.advance(LEASE_S - 5)
    assert cellar.take("b-1", api=1) == "waits for api: held by a-1 on attic"


def test_commons_that_forgot_the_line_serve_nobody_before_whoever_holds_something_could_say_so(
    attic: Machine, cellar: Machine, server: MemoryServer, clock: FakeClock
) -> None:
    attic.take("a-1", api=1)
    cellar.take("b-1", api=1)
    server.records.clear()
    assert cellar.take("b-1", api=1) == (
        "waits for api: the commons at the memory of this process forgot who holds what; they have 10 s to say so again"
    )
    clock.advance(4)
    attic.take("c-1", api=1)  # whatever a machine says, it speaks for all it holds
    clock.advance(8)
    assert cellar.take("b-1", api=1) == "waits for api: held by a-1 on attic"
    attic.tokens.drop("a-1")
    assert cellar.take("b-1", api=1) == ""


def test_without_the_commons_a_run_that_needs_them_waits_and_others_go_on(
    attic: Machine, server: MemoryServer, clock: FakeClock
) -> None:
    server.stop()
    assert attic.take("a-1", api=1, cpu=1).startswith("waits for api: the commons")
    assert attic.take("b-1", cpu=1) == "waits for cpu: a-1 came first"
    attic.tokens.drop("a-1")
    assert attic.take("b-1", cpu=1) == ""
    server.start()
    clock.advance(5)
    assert attic.take("a-2", api=1, cpu=1) == ""


def test_what_could_not_be_given_back_is_given_back_with_the_next_word(
    attic: Machine, cellar: Machine, server: MemoryServer, clock: FakeClock
) -> None:
    attic.take("a-1", api=1)
    server.stop()
    attic.tokens.drop("a-1")
    server.start()
    clock.advance(5)
    attic.take("c-1", cpu=1, api=1)
    assert [(h.run_id, h.held) for h in cellar.across.holders()] == [("c-1", True)]


def test_commons_that_forget_count_nothing(attic: Machine, server: MemoryServer) -> None:
    server.is_durable = False
    assert attic.take("a-1", api=1).startswith("waits for api: cannot be counted through the commons: memory is gone")


def test_a_lock_that_is_lost_gives_nothing(
    tmp_path: Path, server: MemoryServer, cellar: Machine, clock: FakeClock
) -> None:
    class Losing(MemoryCommons):
        def write(self, name: str, data: bytes, *, under: Lock, ttl_s: float | None = None) -> None:
            server.lose(under)
            super().write(name, data, under=under, ttl_s=ttl_s)

    settings = SharedSettings(kind="memory", namespace="desk", machine="attic")
    losing = AcrossMachines(Losing(server), settings, tmp_path / "services", clock)
    for _ in range(2):
        clock.advance(1)
        assert losing.take("a-1", "a", {"api": 1}, THERE, may_hold=True) == (
            "waits for api: its turn was lost, it asks again"
        )
    assert cellar.take("b-1", api=1) == ""


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"form":2}', b"\xff"])
def test_a_damaged_line_is_said_and_nothing_runs_without(damage: bytes, attic: Machine, server: MemoryServer) -> None:
    server.records["desk:tokens"] = (damage, None)
    assert "waits for api: the line at" in attic.take("a-1", api=1)
    with pytest.raises(Unavailable):
        attic.across.holders()


def test_auto_next_names_the_machine_that_holds(attic: Machine, cellar: Machine, server: MemoryServer) -> None:
    manifest = Manifest([Automation(name="b", run="true")], resources=THERE, over_machines=COMMON, across=cellar.across)
    attic.take("a-1", api=1)
    cellar.take("b-1", api=1)
    (row,) = standing(manifest, memory_ledger(), cellar.folder)
    assert row.why == "waits for api (a-1 on attic)"
    server.stop()
    (row,) = standing(manifest, memory_ledger(), cellar.folder)
    assert row.why.startswith("waits for api (the commons")


def test_counting_over_machines_is_a_change_of_the_manifest() -> None:
    counted = [Manifest(resources={"api": 1}, over_machines=names) for names in ((), ("api",))]
    assert counted[0].declared()["[resources]"] != counted[1].declared()["[resources]"]


PLACE: Final = Place(
    run_id="", automation="", wanted={}, held=False, machine="", machine_id="", pid=1, ticks=1, boot="", seen=0
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["attic", "cellar"]),
            st.integers(0, 3),
            st.sampled_from(["ask", "drop", "wait", "silent"]),
            st.dictionaries(st.sampled_from(["api", "cpu"]), st.integers(1, 2), min_size=1),
        ),
        max_size=40,
    )
)
def test_no_order_of_asking_silence_and_giving_back_hands_out_more_than_there_is(
    steps: list[tuple[str, int, str, dict[str, int]]],
) -> None:
    places: list[Place] = []
    now = 0
    for machine, number, what, wanted in steps:
        now += 40_000_000_000 if what == "silent" else 1_000_000_000
        places = living(places, now, lambda place: False)
        mine = msgspec.structs.replace(
            PLACE, run_id=f"r-{number}", machine=machine, machine_id=machine, wanted=wanted, seen=now
        )
        found = next((n for n, place in enumerate(places) if place.is_of(mine)), None)
        if what == "drop":
            places = [place for place in places if not place.is_of(mine)]
        elif what == "ask":
            if found is None:
                places.append(mine)
                found = len(places) - 1
            mine = msgspec.structs.replace(places[found], seen=now)
            places[found] = msgspec.structs.replace(mine, held=not in_the_way(mine, places, THERE))
        for name, most in THERE.items():
            assert sum(place.wanted.get(name, 0) for place in places if place.held) <= most
