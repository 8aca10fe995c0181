"""Whole lives of a login on three machines, made up by hypothesis: whatever happens, no refresh token is used twice."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.builders_credentials import WHO, a_refresh, server
from tests.builders_machines import Breaking, Machine, Operation
from tests.oauth_server import OAuthServer

from steersman.kernel.errors import Unavailable

__all__ = ["server"]
NAMES = ("attic", "cellar", "garage")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("advance"), st.sampled_from([1, 30, 600, 2500, 3590, 4000, 90_000]), st.just("")),
        st.tuples(st.sampled_from(["lease", "refused", "look", "clock", "away"]), st.integers(0, 2), st.just("")),
        st.tuples(st.just("break"), st.integers(0, 2), st.sampled_from(["away", "lock lost", "written, not answered"])),
        st.tuples(st.sampled_from(["fails", "login"]), st.integers(0, 2), st.just("")),
    ),
    max_size=25,
)


class Life:
    """One login of three machines through `steps`."""

    def __init__(self, root: Path, server: OAuthServer) -> None:
        self.server, self.operation = server, Operation(root, server, a_refresh)
        self.machines = [self.operation.machine(name) for name in NAMES]
        self.leases: dict[str, str] = {}
        self.may_fail = False
        self.breaks = 0
        self.login(self.machines[0])

    def step(self, what: str, number: int, how: str) -> None:
        if what == "advance":
            self.operation.advance(number)
            return
        machine = self.machines[number]
        if what == "clock":
            machine.clock.set(machine.clock.now_ns() - 7_200_000_000_000)
        elif what == "away":
            self.operation.commons.stop()
            self.lease(machine, may_fail=True)
            self.operation.commons.start()
            self.operation.advance(6)
        elif what == "break":
            self.broken(machine, how)
        elif what == "fails":
            self.server.faults.append(lambda: (500, b"oops", {}))
            self.may_fail = True
        elif what == "look":
            assert machine.broker.look() == []
        elif what == "login":
            self.login(machine)
        else:
            self.lease(machine, refused=self.leases.get(machine.name, "") if what == "refused" else "")

    def login(self, machine: Machine) -> None:
        machine.broker.paste("acme", self.server.new_login())

    def broken(self, machine: Machine, how: str) -> None:
        """Break one of the writes of a refresh; the machine comes back before it is taken for lost."""
        self.breaks += 1
        machine.commons = Breaking(self.operation.commons, how, 1 + self.breaks % 3)
        self.lease(machine, refused=self.leases.get(machine.name, ""), may_fail=True)
        self.operation.commons.start()
        machine.commons = self.operation.reached()
        self.operation.advance(6)
        self.lease(machine, may_fail=True)

    def lease(self, machine: Machine, *, refused: str = "", may_fail: bool = False) -> None:
        broker = machine.broker
        try:
            lease = broker.lease("acme", who=WHO, refused=refused)
        except Unavailable:
            assert may_fail or self.may_fail or refused
            return
        finally:
            broker.close()
        assert machine.clock.now_ns() < lease.expires_at <= machine.clock.now_ns() + 60_000_000_000
        self.leases[machine.name] = lease.lease_id


# The server may be the same for all lives: each begins with a login of its own.
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_no_refresh_token_is_ever_used_twice_on_any_machine(
    server: OAuthServer, steps: list[tuple[str, int, str]]
) -> None:
    server.faults.clear()
    with tempfile.TemporaryDirectory() as folder:
        life = Life(Path(folder), server)
        for step in steps:
            life.step(*step)
        server.faults.clear()
        life.operation.advance(4000)  # longer than a token lives
        secrets = set()
        for machine in life.machines:
            with closing(machine.broker) as broker:
                secrets.add(broker.lease("acme", who=WHO).secret)
        assert (server.authority.reuses, server.invalid_grants) == (0, 0)
        assert len(secrets) == 1, "all use what one fetched"
