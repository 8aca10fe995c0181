"""Rates over machines whose clocks differ: never more calls in any stretch than the other side allows."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from steersman.kernel.clock import FakeClock
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.services.commons import SharedSettings
from steersman.services.commons.adapters.memory import MemoryCommons, MemoryServer
from steersman.services.pulls.locks import FileLocks
from steersman.services.pulls.machines import Machines
from steersman.services.pulls.model import Rate
from steersman.services.pulls.rate_log import share_of
from steersman.services.pulls.rates import Rates
from steersman.services.pulls.recording import Recorder


class _Clock:
    def __init__(self, true: FakeClock, ahead_s: int) -> None:
        self._true, self._ahead_ns = true, ahead_s * 1_000_000_000

    def now_ns(self) -> int:
        return self._true.now_ns() + self._ahead_ns

    def elapsed_ns(self) -> int:
        return self._true.elapsed_ns()


@settings(max_examples=40)
@given(
    calls=st.integers(1, 5),
    skews=st.lists(st.integers(-4000, 4000), min_size=2, max_size=3),
    steps=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 700), st.booleans()), max_size=25),
)
def test_in_no_stretch_of_the_period_do_all_machines_together_ask_more_often(
    calls: int, skews: list[int], steps: list[tuple[int, int, bool]]
) -> None:
    true, rate = FakeClock(), Rate(calls=calls, period_s=1)
    server, made = MemoryServer(true), list[int]()
    with tempfile.TemporaryDirectory() as folder:
        rates, clocks = [], []
        for number, skew in enumerate(skews):
            clock = _Clock(true, skew)
            settings = SharedSettings(kind="memory", namespace="desk")
            recorder = Recorder(memory_ledger(clock=clock), clock)
            machines = Machines(MemoryCommons(server), settings, recorder, clock)
            root = Path(folder, str(number))
            rates.append(Rates(root, FileLocks(root / "locks"), machines))
            clocks.append(clock)
        for who, wait_ms, may_wait in steps:
            true.advance(wait_ms / 1000)
            machine, now = who % len(rates), clocks[who % len(rates)].now_ns()
            patience_ns = 2_000_000_000 if may_wait else 0
            at = rates[machine].reserve([("host x", rate)], now, patience_ns=patience_ns)
            if at - now <= patience_ns:
                made.append(true.now_ns() + at - now)
    made.sort()
    for first, after in zip(made, made[calls:], strict=False):
        assert after - first >= 1_000_000_000


@given(calls=st.integers(1, 1000), period_s=st.sampled_from([1, 60, 3600]), machines=st.integers(1, 100))
def test_the_shares_of_all_machines_are_no_more_than_the_rate(calls: int, period_s: int, machines: int) -> None:
    share = share_of(Rate(calls=calls, period_s=period_s), machines)
    assert share.calls >= 1
    assert share.calls * machines / share.period_s <= calls / period_s
