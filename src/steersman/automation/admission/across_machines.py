"""Tokens counted over all machines: one record in the commons says who holds what and who waits, in order.

Who dies on this machine is seen at once. A machine that says nothing for `LEASE_S` seconds, dead or cut off, holds
nothing any more; what it runs is not ended, since nobody reaches it. When all were silent, the server itself was away:
then everybody gets that time to speak again before anybody loses anything. A server that forgot the line serves nobody
until whoever holds something has had the time to say so.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from steersman.automation.model.across import Holder
from steersman.automation.runner.group import boot_id, start_ticks
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Conflict, SteersmanError, Unavailable
from steersman.services.commons import Commons, SharedSettings
from steersman.services.commons.machine import machine_id

LEASE_S: Final = 30.0
_SPEAK_S: Final = 5.0
_LOOK_S: Final = 0.4
_LOCK_S: Final = 2.0
_AWAY_S: Final = 2.0
_SAY_AGAIN_S: Final = 2 * _SPEAK_S
_NAME: Final = "tokens"
_FORM: Final = 1
_log = logging.getLogger(__name__)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A run's place in line; `pid`, `ticks`, `boot` name the process that speaks for it, last at `seen` (commons)."""

    run_id: str
    automation: str
    wanted: dict[str, int]
    held: bool
    machine: str
    machine_id: str
    pid: int
    ticks: int
    boot: str
    seen: int

    def is_of(self, other: Place) -> bool:
        return (self.machine_id, self.run_id) == (other.machine_id, other.run_id)


class _Book(msgspec.Struct, frozen=True, kw_only=True):
    """The line. Nobody is served before `serves_at` (commons)."""

    places: tuple[Place, ...] = ()
    form: int = _FORM
    serves_at: int = 0


def living(places: Sequence[Place], now: int, is_gone: Callable[[Place], bool]) -> list[Place]:
    """Return who is still there. Pure.

    Args:
        now: ns since 1970 UTC on the commons' clock.
        is_gone: whether a place is known to be of a process that ended.
    """
    there = [place for place in places if not is_gone(place)]
    latest = max((place.seen for place in places), default=now)
    if now - latest > LEASE_S * 1e9:
        return [msgspec.structs.replace(place, seen=now) for place in there]
    return [place for place in there if now - place.seen <= LEASE_S * 1e9]


def in_the_way(mine: Place, places: Sequence[Place], there: Mapping[str, int]) -> str:
    """Return what keeps `mine`, one of `places`, from being served; empty if nothing does. Pure."""
    earlier = places[: next(n for n, place in enumerate(places) if place.is_of(mine))]
    for name, amount in mine.wanted.items():
        holders = [p for p in places if p.held and not p.is_of(mine) and name in p.wanted]
        if sum(p.wanted[name] for p in holders) + amount > there.get(name, 0):
            return f"waits for {name}: held by {', '.join(f'{p.run_id} on {p.machine}' for p in holders)}"
        before = [p for p in earlier if not p.held and name in p.wanted]
        if before:
            return f"waits for {name}: {before[0].run_id} on {before[0].machine} came first"
    return ""


class AcrossMachines:
    """Implements `Across` through the commons of `[shared]`."""

    def __init__(self, commons: Commons, settings: SharedSettings, folder: Path, clock: Clock) -> None:
        """Prepare; nobody is asked yet. `folder` keeps this machine's id."""
        self._commons, self._machine, self._folder, self._clock = commons, settings.machine_name, folder, clock
        self._mutex = threading.Lock()
        self._ours: dict[str, Place] = {}
        self._asked_for: set[str] = set()
        self._late: set[str] = set()
        self._said: dict[str, tuple[int, str]] = {}
        self._away_until: int | None = None
        self._speaker: threading.Thread | None = None

    def take(
        self, run_id: str, automation: str, wanted: Mapping[str, int], there: Mapping[str, int], *, may_hold: bool
    ) -> str:
        now = self._clock.elapsed_ns()
        with self._mutex:
            asked_at, said = self._said.get(run_id, (None, ""))
            if (ours := self._ours.get(run_id)) is not None and ours.held and may_hold:
                return ""
        # Every run that waits asks often; the server is asked less often than that.
        if asked_at is not None and said and now - asked_at < _LOOK_S * 1e9:
            return said
        said = self._asked(run_id, automation, wanted, there, may_hold=may_hold)
        with self._mutex:
            self._said[run_id] = (now, said)
        return said

    def drop(self, run_id: str) -> None:
        with self._mutex:
            self._said.pop(run_id, None)
            self._ours.pop(run_id, None)
            if run_id not in self._asked_for:
                return
            self._asked_for.discard(run_id)
            self._late.add(run_id)
        try:
            self._change(lambda places, now, serves_at: places)
        except SteersmanError as exc:
            # The thread that speaks for us goes on trying; if we end first, our silence frees them.
            _log.warning("tokens of %s are given back later: %s", run_id, exc.message)
            self._speak_on()

    def holders(self) -> list[Holder]:
        if self._is_away():
            raise Unavailable(f"the commons at {self._commons.place} do not answer", fix="see `steersman doctor`")
        try:
            book = self._read() or _Book()
            places = living(book.places, self._commons.now_ns(), self._is_gone)
        except Unavailable:
            self._note_away()
            raise
        return [Holder(machine=p.machine, run_id=p.run_id, wanted=p.wanted, held=p.held) for p in places]

    # -- one question --------------------------------------------------------------------------------------------

    def _asked(
        self, run_id: str, automation: str, wanted: Mapping[str, int], there: Mapping[str, int], *, may_hold: bool
    ) -> str:
        names = ", ".join(wanted)
        if self._is_away():
            return f"waits for {names}: the commons at {self._commons.place} do not answer"
        try:
            if why := self._commons.not_durable:
                return f"waits for {names}: cannot be counted through the commons: {why}"
            return self._stood(run_id, automation, wanted, there, may_hold=may_hold)
        except Unavailable as exc:
            self._note_away()
            return f"waits for {names}: {exc.message}"
        except Conflict:
            return f"waits for {names}: its turn was lost, it asks again"

    def _stood(
        self, run_id: str, automation: str, wanted: Mapping[str, int], there: Mapping[str, int], *, may_hold: bool
    ) -> str:
        said = ""
        mine: Place | None = None
        with self._mutex:
            # Before anything is written: whatever comes of it, `drop` must take it back.
            self._asked_for.add(run_id)

        def change(places: list[Place], now: int, serves_at: int) -> list[Place]:
            nonlocal said, mine
            mine = self._place(run_id, automation, wanted, now)
            found = next((n for n, place in enumerate(places) if place.is_of(mine)), None)
            if found is None:
                places.append(mine)
                found = len(places) - 1
            said = in_the_way(mine, places, there) if may_hold else "waits for its turn on this machine"
            if not said and now < serves_at:
                said = f"waits for {', '.join(wanted)}: {self._forgot((serves_at - now) / 1e9)}"
            places[found] = mine = msgspec.structs.replace(mine, held=not said)
            return places

        self._change(change)
        if mine is not None:
            with self._mutex:
                self._ours[run_id] = mine
        self._speak_on()
        return said

    def _place(self, run_id: str, automation: str, wanted: Mapping[str, int], now: int) -> Place:
        pid = os.getpid()
        return Place(
            run_id=run_id,
            automation=automation,
            wanted=dict(wanted),
            held=False,
            machine=self._machine,
            machine_id=machine_id(self._folder),
            pid=pid,
            ticks=start_ticks(pid) or 0,
            boot=boot_id(),
            seen=now,
        )

    def _forgot(self, left_s: float) -> str:
        return f"the commons at {self._commons.place} forgot who holds what; they have {left_s:.0f} s to say so again"

    def _change(self, change: Callable[[list[Place], int, int], list[Place]]) -> None:
        """Change the book under its lock; those that are gone are struck out, and what is late is given back.

        Raises:
            Unavailable: the commons do not answer, or the lock is held all the time.
            Conflict: the lock was lost; nothing was changed.
        """
        lock = self._commons.lock(_NAME, wait_s=_LOCK_S)
        if lock is None:
            raise Unavailable(f"the line at {self._commons.place} is busy", fix="it is asked again by itself")
        with lock:
            book, now = self._read(), self._commons.now_ns()
            if book is None:
                book = _Book(serves_at=now + int(_SAY_AGAIN_S * 1e9) if self._was_there.exists() else 0)
            with self._mutex:
                late, ours = self._late.copy(), dict(self._ours)
            me = machine_id(self._folder)
            places = [
                msgspec.structs.replace(place, seen=now) if place.machine_id == me and place.run_id in ours else place
                for place in living(book.places, now, self._is_gone)
                if not (place.machine_id == me and place.run_id in late)
            ]
            # Struck out while we were cut off, and running all the same: it is counted, whatever that makes the sum.
            known = {place.run_id for place in places if place.machine_id == me}
            places += [msgspec.structs.replace(p, seen=now) for p in ours.values() if p.held and p.run_id not in known]
            after = tuple(change(places, now, book.serves_at))
            if after != book.places:
                # Before the line: what was written and forgotten must be known to have been there.
                with suppress(OSError):  # a full disk must not keep a token from being given back
                    self._was_there.touch()
                self._commons.write(_NAME, msgspec.json.encode(msgspec.structs.replace(book, places=after)), under=lock)
        with self._mutex:
            self._late -= late
            self._away_until = None

    @property
    def _was_there(self) -> Path:
        """The mark that this machine has ever seen a line; without it, none is a new one."""
        return self._folder / "tokens-shared"

    def _read(self) -> _Book | None:
        raw = self._commons.read(_NAME)
        if raw is None:
            return None
        try:
            book = msgspec.json.decode(raw, type=_Book)
        except msgspec.DecodeError as exc:
            raise Unavailable(
                f"the line at {self._commons.place} cannot be read: it is damaged, or of another version",
                fix="run the same version of Steersman on all machines; if they do, delete the record `tokens` there: "
                f"whoever holds something says so again within {_SPEAK_S:g} s",
            ) from exc
        if book.form != _FORM:
            raise Unavailable(
                f"the line at {self._commons.place} is of another version",
                fix="run the same version of Steersman on all machines",
            )
        return book

    def _is_gone(self, place: Place) -> bool:
        """Say whether a place is of a process of this machine that ended; of others only their silence is known."""
        if place.machine_id != machine_id(self._folder):
            return False
        return place.boot != boot_id() or start_ticks(place.pid) != place.ticks

    def _note_away(self) -> None:
        with self._mutex:
            self._away_until = self._clock.elapsed_ns() + int(_AWAY_S * 1e9)

    def _is_away(self) -> bool:
        with self._mutex:
            return self._away_until is not None and self._clock.elapsed_ns() < self._away_until

    # -- speaking for what is ours -------------------------------------------------------------------------------

    def _speak_on(self) -> None:
        with self._mutex:
            if self._speaker is None or not self._speaker.is_alive():
                self._speaker = threading.Thread(target=self._speak, name="tokens-speaker", daemon=True)
                self._speaker.start()

    def _speak(self) -> None:
        """Say every few seconds that what we hold is held, for as long as there is anything to say."""
        wait = threading.Event().wait
        while True:
            wait(_SPEAK_S)
            with self._mutex:
                if not self._ours and not self._late:
                    self._speaker = None
                    return
            with suppress(SteersmanError):  # in time for the lease, or the silence says it
                self._change(lambda places, now, serves_at: places)
