"""Automations that are held back: who said so, why and until when; read from the ledger by every process."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from steersman.automation.events import PAUSED, RESUMED, Paused, Resumed
from steersman.automation.model.manifest import Manifest
from steersman.automation.model.pause import EVERYTHING, Held, Pause
from steersman.kernel.clock import iso
from steersman.kernel.errors import Rejected
from steersman.ledger import Event, Ledger, new_event

__all__ = ["EVERYTHING", "Held", "Pause", "Pauses", "State", "by_hand_refusal", "one_line", "pause", "resume", "words"]

STREAM: Final = "automation/pauses"
MAX_REASON: Final = 500


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What was said about pauses up to a position; folding it on is pure. Whether one still holds depends on the time.

    Attributes:
        everything: the pause of all, if there is one; `spared` are those that were resumed by name since.
        tz: the zone on whose clocks the pauses tell their times.
    """

    everything: Pause | None = None
    named: dict[str, Pause] = {}
    spared: frozenset[str] = frozenset()
    tz: str = "UTC"

    def of(self, name: str, now: int) -> Pause | None:
        """Return what holds `name` itself back at `now` (ns), None if nothing does."""
        own = self.named.get(name)
        if own is not None and own.covers(now):
            return own
        if self.everything is None or name in self.spared or not self.everything.covers(now):
            return None
        return self.everything

    def held(self, manifest: Manifest, now: int) -> dict[str, Held]:
        """Return whom the pauses hold back at `now`: those paused, and those that need one of them, however far."""
        found: dict[str, Held] = {}
        if self.everything is None and not self.named:
            return found
        for name in manifest.order:
            pause = self.of(name, now)
            if pause is not None:
                found[name] = Held(pause=pause)
                continue
            need = next((n for n in manifest[name].needs if n in found), None)
            if need is not None:
                found[name] = Held(pause=found[need].pause, needs=found[need].needs or need)
        return found

    def standing(self, now: int) -> dict[str, str]:
        """Return the pauses in force at `now`, in words, by name; that of all first, under `*`."""
        everything = {EVERYTHING: self.everything} if self.everything is not None else {}
        return {name: str(p) for name, p in (everything | dict(sorted(self.named.items()))).items() if p.covers(now)}

    def after(self, event: Event) -> State:
        """Return the state after one more event."""
        if event.type == PAUSED:
            said = msgspec.json.decode(event.data, type=Paused)
            pause = Pause(
                automation=said.automation,
                since=said.at,
                until=said.until,
                reason=said.reason,
                by=event.actor,
                id=str(event.id),
                tz=self.tz,
            )
            if said.automation == EVERYTHING:
                return State(everything=pause, named=self.named, tz=self.tz)
            return msgspec.structs.replace(self, named={**self.named, said.automation: pause})
        if event.type != RESUMED:
            return self
        name = msgspec.json.decode(event.data, type=Resumed).automation
        if name == EVERYTHING:
            return State(tz=self.tz)
        rest = {n: p for n, p in self.named.items() if n != name}
        return msgspec.structs.replace(self, named=rest, spared=self.spared | {name})


class Pauses:
    """The pauses of one workspace, always as the ledger has them now. May be called from any thread.

    Args:
        tz: on whose clocks they tell their times: the desk's for people; in records it is UTC.
    """

    def __init__(self, ledger: Ledger, *, tz: str = "UTC") -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._through = 0
        self._state = State(tz=tz)

    def now(self) -> State:
        """Return what is said up to the ledger's end; reads only what came since the last call."""
        with self._lock:
            for event in self._ledger.read(after=self._through, stream=STREAM):
                self._state, self._through = self._state.after(event), event.pos
            return self._state

    def between(self, name: str, first: int, last: int) -> Pause | None:
        """Return a pause that held `name` back at some time from `first` to `last` (ns); the latest of several."""
        state, since, found = State(), 0, None
        for event in (*self._ledger.read(stream=STREAM), None):
            until = msgspec.json.decode(event.data, type=_Said).at if event is not None else last + 1
            held = state.of(name, max(since, first))
            if held is not None and since <= last and until > first:
                found = held
            if event is not None:
                state, since = state.after(event), until
        return found


class _Said(msgspec.Struct, frozen=True):
    at: int


def pause(
    ledger: Ledger, names: Sequence[str], *, until: int | None, reason: str, by: str, now_ns: int
) -> dict[str, Pause]:
    """Hold `names` back (`EVERYTHING`: all) and return what holds each now; one that is paused just so stays as it is.

    Raises:
        Rejected: `until` is over already, or the reason is too long.
        Unavailable: the ledger does not take it; nothing was paused.
    """
    if until is not None and until <= now_ns:
        raise Rejected(f"the pause would have ended at {iso(until)} already", fix="name an instant to come")
    said = one_line(reason)
    known = Pauses(ledger).now()
    new = [name for name in names if not _is_just_so(known, name, until, said, now_ns)]
    events = [
        new_event(
            PAUSED,
            stream=STREAM,
            data=Paused(automation=name, until=until, reason=said, at=now_ns),
            actor=by,
            now_ns=now_ns,
        )
        for name in new
    ]
    if events:
        ledger.append(events)
    state = Pauses(ledger).now()
    return {name: found for name in names if (found := _exactly(state, name)) is not None}


def resume(ledger: Ledger, names: Sequence[str], *, reason: str, by: str, now_ns: int) -> dict[str, Pause]:
    """Let `names` (`EVERYTHING`: all) start again and return the pauses that this ended, by name.

    Raises:
        Rejected: none of them is paused.
        Unavailable: the ledger does not take it; nothing was resumed.
    """
    state = Pauses(ledger).now()
    if list(names) == [EVERYTHING]:
        ended = {n: p for n, p in state.named.items() if p.covers(now_ns)}
        if state.everything is not None and state.everything.covers(now_ns):
            ended[EVERYTHING] = state.everything
    else:
        ended = {name: p for name in names if (p := state.of(name, now_ns)) is not None}
    if not ended:
        wanted = ", ".join(names)
        verb = "are" if len(names) > 1 else "is"
        raise Rejected(
            "nothing is paused" if list(names) == [EVERYTHING] else f"{wanted} {verb} not paused",
            fix=f"paused now: {words(state.standing(now_ns)) or 'nothing'}",
        )
    said = one_line(reason)
    over = [EVERYTHING] if list(names) == [EVERYTHING] else list(ended)
    ledger.append(
        [
            new_event(
                RESUMED,
                stream=STREAM,
                data=Resumed(automation=name, reason=said, at=now_ns),
                actor=by,
                now_ns=now_ns,
            )
            for name in over
        ]
    )
    return ended


def by_hand_refusal(held: Held, name: str) -> Rejected:
    """Return the refusal of a start by hand of what is held back."""
    who = held.needs or ("--all" if held.pause.automation == EVERYTHING else name)
    anyway = "add --alone" if held.needs else "add --anyway"
    return Rejected(
        f"{name} {'' if held.needs else 'is '}{held}",
        fix=f"steersman auto resume {who}; or, to run it this once all the same, {anyway}",
    )


def words(held: Iterable[str]) -> str:
    """Return names of what is held back, `*` as people say it."""
    return ", ".join("all automations" if name == EVERYTHING else name for name in held)


def _exactly(state: State, name: str) -> Pause | None:
    return state.everything if name == EVERYTHING else state.named.get(name)


def _is_just_so(state: State, name: str, until: int | None, reason: str, now: int) -> bool:
    found = _exactly(state, name)
    is_whole = name != EVERYTHING or not state.spared
    return found is not None and found.covers(now) and (found.until, found.reason) == (until, reason) and is_whole


def one_line(text: str) -> str:
    """Return a reason as one printable line.

    Raises:
        Rejected: it is too long.
    """
    said = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(said) > MAX_REASON:
        raise Rejected(f"the reason has {len(said)} characters, allowed: {MAX_REASON}", fix="say it shorter")
    return said
