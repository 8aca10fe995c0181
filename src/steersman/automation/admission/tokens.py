"""Shared resources as tokens: counted over every engine and process of the machine that works on this workspace.

One small file under a lock says who holds what and who waits, in the order they came. Whoever died holds nothing.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from steersman.automation.model.across import Across
from steersman.automation.runner.group import boot_id, start_ticks

_log = logging.getLogger(__name__)


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A run that holds tokens, or waits for them; `pid`, `ticks` and `boot` name the process that speaks for it.

    `wanted` is counted on this machine, `across` over all machines (across_machines.py).
    """

    run_id: str
    automation: str
    wanted: dict[str, int]
    held: bool
    since: int
    pid: int
    ticks: int
    boot: str
    across: dict[str, int] = {}

    @property
    def speaker(self) -> tuple[int, int, str]:
        return self.pid, self.ticks, self.boot


class Tokens:
    """The tokens of one workspace."""

    def __init__(self, folder: Path) -> None:
        """Keep the file in `folder`."""
        self._folder = folder
        self._path = folder / ".tokens.json"
        self._ticks = start_ticks(os.getpid()) or 0
        self._late: set[str] = set()
        self._across: dict[str, Across] = {}

    def take(
        self,
        run_id: str,
        automation: str,
        wanted: Mapping[str, int],
        there: Mapping[str, int],
        now: int,
        *,
        across: Across | None = None,
        over_machines: Collection[str] = (),
    ) -> str:
        """Take all of `wanted` or nothing; return who is in the way, empty once they are held.

        A run that could not be served stands in line: it is served before those that came later and want the same. Ask
        again with the same `run_id`, or `drop` it.

        Args:
            across: who counts the resources in `over_machines`; the others are this machine's.
        """
        if across is None or not any(name in over_machines for name in wanted):
            return self._take(run_id, automation, wanted, {}, there, now)
        here = {name: amount for name, amount in wanted.items() if name not in over_machines}
        common = {name: amount for name, amount in wanted.items() if name in over_machines}
        self._across[run_id] = across
        # Asked with no lock of this machine held: a server that is slow must not hold up runs that need nothing of it.
        blocked = self._take(run_id, automation, here, common, there, now, only_look=True)
        elsewhere = across.take(run_id, automation, common, there, may_hold=not blocked)
        if blocked or elsewhere:
            return blocked or elsewhere
        blocked = self._take(run_id, automation, here, common, there, now)
        if blocked:
            # Somebody was quicker on this machine: others may have what is common meanwhile, our place stays.
            across.take(run_id, automation, common, there, may_hold=False)
        return blocked

    def _take(
        self,
        run_id: str,
        automation: str,
        wanted: Mapping[str, int],
        across: Mapping[str, int],
        there: Mapping[str, int],
        now: int,
        *,
        only_look: bool = False,
    ) -> str:
        with self._claims() as claims:
            mine = next((c for c in claims if c.run_id == run_id), None)
            if mine is None:
                mine = Claim(
                    run_id=run_id,
                    automation=automation,
                    wanted=dict(wanted),
                    held=False,
                    since=now,
                    pid=os.getpid(),
                    ticks=self._ticks,
                    boot=boot_id(),
                    across=dict(across),
                )
                claims.append(mine)
            blocked = _blocked(mine, claims, there)
            if not blocked and not only_look:
                claims[claims.index(mine)] = msgspec.structs.replace(mine, held=True, since=now)
            return blocked

    def drop(self, run_id: str) -> None:
        """Give back what a run holds, and its place in line; a second call does nothing.

        If the disk refuses, that is done at the next call of any method: a run that is over must not hold tokens.
        """
        if (across := self._across.pop(run_id, None)) is not None:
            across.drop(run_id)
        self._late.add(run_id)
        try:
            with self._claims():
                pass
        except OSError as exc:
            _log.warning("tokens of %s are given back later: %s: %s", run_id, self._path, exc.strerror)

    def claims(self) -> list[Claim]:
        """Return who holds and who waits now, in order."""
        with self._claims() as claims:
            return list(claims)

    @contextmanager
    def _claims(self) -> Iterator[list[Claim]]:
        """Yield the living claims for changing, alone."""
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._folder / ".tokens.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before, late = self._read(), self._late.copy()
            living = {speaker: _lives(speaker) for speaker in {c.speaker for c in before}}
            claims = [c for c in before if c.run_id not in late and living[c.speaker]]
            yield claims
            if claims != before:
                fresh = self._path.with_suffix(".new")
                fresh.write_bytes(msgspec.json.encode(claims))
                fresh.replace(self._path)
            self._late -= late
        finally:
            os.close(lock)

    def _read(self) -> list[Claim]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=list[Claim])
        except (FileNotFoundError, msgspec.DecodeError):
            # Written whole or not at all; a file of another version is one of processes that are gone.
            return []


def _lives(speaker: tuple[int, int, str]) -> bool:
    pid, ticks, boot = speaker
    return boot == boot_id() and start_ticks(pid) == ticks


def _blocked(mine: Claim, claims: Sequence[Claim], there: Mapping[str, int]) -> str:
    """Return what keeps `mine` from being served, empty if nothing does."""
    earlier = claims[: claims.index(mine)]
    for name, amount in mine.wanted.items():
        holders = [c for c in claims if c.held and c is not mine and name in c.wanted]
        if sum(c.wanted[name] for c in holders) + amount > there.get(name, 0):
            return f"waits for {name}: held by {', '.join(c.run_id for c in holders)}"
        before = [c for c in earlier if not c.held and name in c.wanted]
        if before:
            return f"waits for {name}: {before[0].run_id} came first"
    return ""
