"""Whole lives of a login, made up by hypothesis: whatever happens in which order, no refresh token is used twice."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.builders_credentials import WHO, a_broker, a_client, a_refresh, in_threads, server
from tests.oauth_server import OAuthServer

from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import SteersmanError, Unavailable
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.services.credentials.broker import Broker

__all__ = ["server"]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("advance"), st.sampled_from([1, 30, 600, 2500, 3590, 4000, 90_000])),
        st.tuples(st.just("jump"), st.sampled_from([-90_000, -60, 60, 90_000])),
        st.tuples(st.sampled_from(["lease", "refused", "restart", "rotate", "fails", "html", "busy"]), st.just(0)),
    ),
    max_size=25,
)


class Life:
    """One login through `steps`."""

    def __init__(self, root: Path, server: OAuthServer) -> None:
        self.root, self.server, self.clock, self.ledger = root, server, FakeClock(), memory_ledger()
        self.declared = a_refresh(root, server)
        self.broker = self.fresh()
        self.broker.paste("acme", server.new_login())
        self.leases: list[str] = []
        self.injected = False

    def fresh(self) -> Broker:
        return a_broker(self.root, self.declared, ledger=self.ledger, clock=self.clock)

    def step(self, what: str, amount: int) -> None:
        if what == "advance":
            self.clock.advance(amount)
        elif what == "jump":
            self.clock.set(self.clock.now_ns() + amount * 1_000_000_000)
        elif what == "restart":
            self.broker = self.fresh()
        elif what == "rotate":
            self.broker.rotate()
        elif what in ("fails", "html", "busy"):
            answers = {"fails": (500, b"oops"), "html": (200, b"<html>"), "busy": (429, b"{}")}
            status, body = answers[what]
            self.server.faults.append(lambda: (status, body, {}))
            self.injected = True
        else:
            self.lease(refused=self.leases[-1] if what == "refused" and self.leases else "")

    def lease(self, *, refused: str) -> None:
        try:
            lease = self.broker.lease("acme", who=WHO, refused=refused)
        except Unavailable:
            assert self.injected or refused
            return
        assert self.clock.now_ns() < lease.expires_at <= self.clock.now_ns() + 60_000_000_000
        self.leases.append(lease.lease_id)


# The server may be the same for all lives: each begins with a login of its own.
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_no_refresh_token_is_ever_used_twice(server: OAuthServer, steps: list[tuple[str, int]]) -> None:
    server.faults.clear()
    with tempfile.TemporaryDirectory() as folder:
        life = Life(Path(folder), server)
        for what, amount in steps:
            life.step(what, amount)
        server.faults.clear()
        life.clock.advance(400)
        assert life.broker.lease("acme", who=WHO).secret
        assert (server.authority.reuses, server.invalid_grants) == (0, 0)


def test_keys_change_under_sixteen_threads_that_lease_and_fetch(server: OAuthServer, tmp_path: Path) -> None:
    declared = a_client(tmp_path, server)
    brokers = [a_broker(tmp_path, declared, ledger=memory_ledger()) for _ in range(4)]
    over, failures = threading.Event(), list[SteersmanError]()

    def work(number: int) -> int:
        if number == 0:
            for _ in range(15):
                brokers[0].rotate()
            over.set()
            return 0
        broker, done = brokers[number % 4], 0
        while not over.is_set():
            try:
                lease = broker.lease("acme", who=WHO)
                if number == 5:
                    with contextlib.suppress(Unavailable):
                        broker.lease("acme", who=WHO, refused=lease.lease_id)
            except SteersmanError as exc:
                failures.append(exc)
            done += 1
            # Sixteen that never rest keep the one that changes keys from its turn on a busy machine.
            over.wait(0.002)
        return done

    done = in_threads(16, work)
    assert failures == []
    assert all(isinstance(each, int) for each in done), done
    assert a_broker(tmp_path, declared).lease("acme", who=WHO).secret
