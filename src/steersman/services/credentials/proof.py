"""Proof under load: many processes share one login, each leasing as fast as it can; and what happens without a broker.

The server is given by its settings; it must count for itself what it was asked.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path

import msgspec

from steersman.kernel.clock import Clock, SystemClock
from steersman.kernel.errors import Rejected, SteersmanError
from steersman.ledger import Ledger
from steersman.services.commons import Commons, SharedSettings
from steersman.services.credentials import create
from steersman.services.credentials.broker import Broker
from steersman.services.credentials.oauth2 import OAuth2Settings, TokenEndpoint
from steersman.services.credentials.provider import NoAnswer, ProviderSettings, Refused, Surroundings

_JOIN_S = 60.0


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """What one process, or all together, did.

    Attributes:
        tokens: different tokens seen, as digests.
        rejected, unavailable: leases that were refused, by what was said first; `stale` leases that had ended already.
        cpu_s: CPU seconds of the leasing itself.
    """

    leases: int = 0
    tokens: frozenset[str] = frozenset()
    rejected: int = 0
    unavailable: int = 0
    stale: int = 0
    said: str = ""
    cpu_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What each process does: lease `provider` again and again for `seconds`, or `most` times."""

    root: Path
    state: Path
    providers: dict[str, ProviderSettings]
    provider: str
    seconds: float
    most: int = 1_000_000
    pause_s: float = 0.0
    commons: Callable[[], Commons] | None = None
    shared: SharedSettings | None = None


def share(
    *,
    root: Path,
    state: Path,
    providers: dict[str, ProviderSettings],
    provider: str,
    ledger: Callable[[], Ledger],
    processes: int = 8,
    seconds: float = 60.0,
    most: int = 1_000_000,
    pause_s: float = 0.0,
    commons: Callable[[], Commons] | None = None,
    shared: SharedSettings | None = None,
) -> Shared:
    """Return what `processes` processes did together, all begun at the same moment.

    Args:
        ledger: opens the ledger in each process; must be importable by name (a function of a module, or a partial).
        commons: opens what `shared` names, in each process; as `ledger`.
        pause_s: between two leases of one process.
    """
    context = multiprocessing.get_context("spawn")
    task = Task(
        root=root,
        state=state,
        providers=providers,
        provider=provider,
        seconds=seconds,
        most=most,
        pause_s=pause_s,
        commons=commons,
        shared=shared,
    )
    start, queue = context.Barrier(processes), context.SimpleQueue()
    running = [context.Process(target=_work, args=(task, ledger, start, queue)) for _ in range(processes)]
    for process in running:
        process.start()
    found = [msgspec.json.decode(queue.get(), type=Shared) for _ in running]
    for process in running:
        process.join(_JOIN_S)
    return _together(found)


def _work(task: Task, ledger: Callable[[], Ledger], start: Barrier, queue: multiprocessing.SimpleQueue[bytes]) -> None:
    """Lease until time is over; runs in a process of its own."""
    opened, clock = ledger(), SystemClock()
    broker = _broker(task, opened, clock)
    done, tokens, pause = Shared(), set[str](), threading.Event()
    start.wait()
    until, cpu = clock.elapsed_ns() + int(task.seconds * 1e9), time.process_time()
    while clock.elapsed_ns() < until and done.leases < task.most:
        try:
            lease = broker.lease(task.provider, who="automation:proof")
        except Rejected as exc:
            done = msgspec.structs.replace(done, rejected=done.rejected + 1, said=done.said or exc.message)
        except SteersmanError as exc:
            done = msgspec.structs.replace(done, unavailable=done.unavailable + 1, said=done.said or exc.message)
        else:
            tokens.add(lease.secret)
            stale = lease.expires_at <= clock.now_ns()
            done = msgspec.structs.replace(done, leases=done.leases + 1, stale=done.stale + stale)
        if task.pause_s:
            pause.wait(task.pause_s)
    cpu_s = time.process_time() - cpu
    # Tokens never leave the process; a digest names them alike in all.
    names = frozenset(hashlib.sha256(token.encode()).hexdigest()[:12] for token in tokens)
    queue.put(msgspec.json.encode(msgspec.structs.replace(done, tokens=names, cpu_s=cpu_s)))
    opened.close()


def _broker(task: Task, ledger: Ledger, clock: Clock) -> Broker:
    return create(
        root=task.root,
        state=task.state,
        providers=task.providers,
        ledger=ledger,
        clock=clock,
        commons=task.commons() if task.commons is not None else None,
        shared=task.shared,
    )


def disturb(task: Task, ledger: Callable[[], Ledger], *, least_s: float = 0.3, most_s: float = 1.5) -> int:
    """Have one more process lease meanwhile, killed (SIGKILL) at random moments and begun anew; return the kills."""
    context, clock, kills = multiprocessing.get_context("spawn"), SystemClock(), 0
    dice, until = random.Random(), clock.elapsed_ns() + int(task.seconds * 1e9)
    while clock.elapsed_ns() < until:
        victim = context.Process(target=_lease_on, args=(task, ledger), daemon=True)
        victim.start()
        victim.join(dice.uniform(least_s, most_s))
        if victim.is_alive():
            victim.kill()
            kills += 1
        victim.join(_JOIN_S)
    return kills


def _lease_on(task: Task, ledger: Callable[[], Ledger]) -> None:
    """Lease until somebody ends this process."""
    broker, pause = _broker(task, ledger(), SystemClock()), threading.Event()
    while True:
        with suppress(SteersmanError):
            broker.lease(task.provider, who="automation:victim")
        pause.wait(task.pause_s)


def _together(found: list[Shared]) -> Shared:
    return Shared(
        leases=sum(each.leases for each in found),
        tokens=frozenset().union(*(each.tokens for each in found)),
        rejected=sum(each.rejected for each in found),
        unavailable=sum(each.unavailable for each in found),
        stale=sum(each.stale for each in found),
        said=next((each.said for each in found if each.said), ""),
        cpu_s=sum(each.cpu_s for each in found),
    )


class Naive(msgspec.Struct, frozen=True, kw_only=True):
    """What happened without a broker: refreshes that gave a token, and those that were refused."""

    refreshed: int
    refused: int
    unanswered: int


def share_naively(around: Surroundings, settings: OAuth2Settings, refresh_token: str, *, scripts: int = 8) -> Naive:
    """Do what scripts do that share a file with a refresh token: all read it, all send it."""
    endpoint, start = TokenEndpoint(around, settings), threading.Barrier(scripts)
    outcomes: list[str] = []

    def one() -> None:
        start.wait()
        try:
            endpoint.ask({"grant_type": "refresh_token", "refresh_token": refresh_token})
            outcomes.append("refreshed")
        except Refused:
            outcomes.append("refused")
        except NoAnswer:
            outcomes.append("unanswered")

    threads = [threading.Thread(target=one) for _ in range(scripts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_JOIN_S)
    return Naive(
        refreshed=outcomes.count("refreshed"),
        refused=outcomes.count("refused"),
        unanswered=outcomes.count("unanswered"),
    )
