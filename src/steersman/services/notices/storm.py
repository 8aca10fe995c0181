"""How much of what happens is told, and when: pure, so that a week can be tried out before anybody is woken.

The same thing (one rule, one subject) is told at once, and after that together, at growing intervals, for as long as it
goes on. Its end is told to who was told of it. A limit holds for every hour whatever happens; what is over it waits and
comes together, and what is critical goes first and is always named.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from steersman.kernel.ids import stable_uuid
from steersman.kernel.plurals import counted
from steersman.services.notices.model import RANK, Kind, Message, Telling
from steersman.services.notices.quiet import Quiet
from steersman.services.notices.wording import moment

HOUR_NS: Final = 3_600_000_000_000
FIRST_GAP_S: Final = 600.0
LONGEST_GAP_S: Final = 6 * 3600.0
GIVE_UP_S: Final = 86_400.0
_GATHER_CRITICAL: Final = 50
_LINES: Final = 20
_MANY: Final = 3
_CROWD: Final = 200
_MOST_IDS: Final = 50_000
_FORGET_NS: Final = 7 * 24 * HOUR_NS
_NEVER: Final = 2**62


class Incident(msgspec.Struct, kw_only=True):
    """What is known of one key. `untold`: how often it happened since the last message about it."""

    last: Telling
    since: int
    count: int
    untold: int
    gap_s: float
    next_at: int
    is_open: bool = True
    told_open: bool = True


class State(msgspec.Struct, kw_only=True):
    """Everything a target remembers between two lives. `sent_at`: attempts that may have arrived, of the last hour."""

    cursor: int = 0
    incidents: dict[str, Incident] = {}
    recent: dict[str, list[int]] = {}
    waiting: list[Message] = []
    sent_at: list[int] = []
    failures: int = 0
    retry_at: int = 0


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for a target. `link` is put before pages; empty: the console has no address to give out."""

    target: str
    per_hour: int = 20
    quiet: Quiet | None = None
    tz: str = "UTC"
    link: str = ""

    @property
    def kept_for_critical(self) -> int:
        return max(1, self.per_hour // 4)


class Storm:
    """Decides over one target's state, which it changes in place."""

    def __init__(self, state: State, limits: Limits) -> None:
        self.state = state
        self._limits = limits
        # Every id that waits, and some that did: a new one, as nearly all are, needs no search among ten thousand.
        self._put_once = {m.id for m in state.waiting}

    # -- what happens --------------------------------------------------------------------------------------------

    def take(self, telling: Telling, now: int) -> bool:
        """Take in one thing that happened; return whether it changed anything: most ends end nothing."""
        if telling.ends:
            if telling.key not in self.state.incidents and telling.key not in self.state.recent:
                return False
            self._end(telling, now)
        elif self._is_enough(telling) and not self._is_hushed(telling):
            self._raise(telling, now)
        return True

    def tick(self, now: int) -> None:
        """Tell what has gone on for long enough, forget what is over, and gather what is too much."""
        self._bring_back(now)
        for key, incident in list(self.state.incidents.items()):
            if now < incident.next_at:
                continue
            if incident.untold:
                self._tell_again(incident, now)
            elif not incident.is_open or not incident.last.can_end or now - incident.last.at > _FORGET_NS:
                del self.state.incidents[key]
        plain = [m for m in self.state.waiting if not m.is_critical]
        if len(plain) > _CROWD:
            self._gather(plain, now, "more")

    def _bring_back(self, now: int) -> None:
        """Bring back into reach what a clock that was set back has left in a far future."""
        state, soon = self.state, now + HOUR_NS
        state.retry_at = min(state.retry_at, soon)
        state.sent_at = [min(at, now) for at in state.sent_at]
        for incident in state.incidents.values():
            incident.next_at = min(incident.next_at, now + round(incident.gap_s * 1e9))
        if any(m.retry_at > soon or m.made_at > now for m in state.waiting):
            state.waiting = [
                msgspec.structs.replace(m, retry_at=min(m.retry_at, soon), made_at=min(m.made_at, now))
                for m in state.waiting
            ]

    def _is_enough(self, telling: Telling) -> bool:
        """Say whether it happened as often as it must to be worth a word."""
        if telling.repeated is None:
            return True
        within = telling.at - round(telling.repeated.within_s * 1e9)
        times = [at for at in self.state.recent.get(telling.key, []) if at > within] + [telling.at]
        self.state.recent[telling.key] = times[-telling.repeated.times :]
        return len(times) >= telling.repeated.times

    def _is_hushed(self, telling: Telling) -> bool:
        """Say whether something that was told already, no less loudly, says this too."""
        causes = (self.state.incidents.get(key) for key in telling.hushed_by)
        return any(c is not None and c.is_open and RANK[c.last.severity] >= RANK[telling.severity] for c in causes)

    def _raise(self, telling: Telling, now: int) -> None:
        incident = self.state.incidents.get(telling.key)
        is_past = incident is not None and not incident.is_open and not incident.untold and now >= incident.next_at
        if incident is None or is_past:
            self.state.incidents[telling.key] = Incident(
                last=telling,
                since=telling.at,
                count=1,
                untold=0,
                gap_s=FIRST_GAP_S,
                next_at=now + round(FIRST_GAP_S * 1e9),
            )
            self._put(self._message("raised", telling, now))
            return
        incident.count += 1
        incident.untold += 1
        incident.is_open = True
        is_worse = RANK[telling.severity] > RANK[incident.last.severity]
        incident.last = _louder(telling, incident.last)
        if is_worse or now >= incident.next_at:
            self._tell_again(incident, now)

    def _tell_again(self, incident: Incident, now: int) -> None:
        """Tell an incident that was told before, with how often it happened since it began."""
        last = incident.last
        times = (
            f" ({incident.count} times since {moment(incident.since, self._limits.tz)})" if incident.count > 1 else ""
        )
        well = "" if incident.is_open else "; well at this moment"
        again = msgspec.structs.replace(last, first=f"{last.first}{times}{well}")
        message = self._message("again", again, now, covers=incident.untold)
        before = self._unsent(last.key)
        if before is not None:
            message = msgspec.structs.replace(
                message, covers=message.covers + before.covers, at=before.at, made_at=before.made_at, held=before.held
            )
            self.state.waiting.remove(before)
        self._put(message)
        incident.untold = 0
        incident.told_open = incident.is_open
        incident.gap_s = min(incident.gap_s * 2, LONGEST_GAP_S)
        incident.next_at = now + round(incident.gap_s * 1e9)

    def _end(self, telling: Telling, now: int) -> None:
        self.state.recent.pop(telling.key, None)
        incident = self.state.incidents.get(telling.key)
        if incident is None or not incident.is_open:
            return
        incident.is_open = False
        before = self._unsent(telling.key)
        if not telling.first:
            # An answer: who gave it knows, and who was not told yet need not be.
            if before is not None:
                self.state.waiting.remove(before)
            del self.state.incidents[telling.key]
        elif before is not None:
            self.state.waiting.remove(before)
            self._put(self._passed(before, telling, incident, now))
            incident.untold, incident.told_open = 0, False
        elif incident.told_open:
            often = f" after {counted(incident.count, 'time')}" if incident.count > 1 else ""
            over = msgspec.structs.replace(
                telling,
                severity=incident.last.severity,
                why=f"before: {incident.last.first}, since {moment(incident.since, self._limits.tz)}{often}",
            )
            self._put(self._message("over", over, now, covers=incident.untold))
            incident.untold, incident.told_open = 0, False

    def _passed(self, before: Message, telling: Telling, incident: Incident, now: int) -> Message:
        """Return one message in place of one that was not sent before what it says was over."""
        spoken = moment(incident.since, self._limits.tz)
        return msgspec.structs.replace(
            before,
            id=self._id("passed", before.keys, telling.pos or now),
            kind="passed",
            first=f"{before.first} at {spoken}; since then: {telling.first}",
            do="",
            covers=before.covers + incident.untold,
            through=max(before.through, telling.pos),
        )

    # -- what is sent --------------------------------------------------------------------------------------------

    def next(self, now: int) -> Message | None:
        """Return what to send now, None if nothing may be; critical things first."""
        state, limits = self.state, self._limits
        if now < state.retry_at or not state.waiting:
            return None
        state.sent_at = [at for at in state.sent_at if at > now - HOUR_NS]
        left = limits.per_hour - len(state.sent_at)
        ready = [m for m in state.waiting if m.retry_at <= now]
        critical = [m for m in ready if m.is_critical]
        if left > 0 and critical:
            together = critical if left == 1 else _alike(critical)
            return self._gather(together[:_GATHER_CRITICAL], now, "critical" if left == 1 else "burst")
        plain = [m for m in ready if not m.is_critical]
        if limits.quiet is not None and limits.quiet.covers(now, limits.tz):
            self._hold(plain)
            return None
        spare = left - limits.kept_for_critical
        if not plain or spare <= 0:
            return None
        held = [m for m in plain if m.held]
        if len(held) > 1:
            return self._gather(held, now, "quiet")
        return self._gather(plain, now, "more") if spare == 1 else self._gather(_alike(plain), now, "burst")

    def arrived(self, message: Message, now: int) -> None:
        """Take it that `message` was sent."""
        self.state.sent_at.append(now)
        self.state.waiting = [m for m in self.state.waiting if m.id != message.id]
        self.state.failures, self.state.retry_at = 0, 0

    def failed(self, message: Message, now: int, *, delay_s: float, whole: bool, unknown: bool) -> Message:
        """Take it that an attempt failed, and return the message as it waits on.

        Args:
            delay_s: after which it may be tried again.
            whole: the target itself is in trouble, not this message alone.
            unknown: it may have arrived, so it counts.
        """
        if unknown:
            self.state.sent_at.append(now)
        again = now + round(delay_s * 1e9)
        if whole:
            self.state.failures, self.state.retry_at = self.state.failures + 1, again
        tried = msgspec.structs.replace(message, attempts=message.attempts + 1, retry_at=again)
        self.state.waiting = [tried if m.id == message.id else m for m in self.state.waiting]
        return tried

    def give_up(self, now: int) -> list[Message]:
        """Let go of what could not be delivered for a day, and return it."""
        late = now - round(GIVE_UP_S * 1e9)
        # What merely waits for its turn is not given up: the limit and quiet hours lose nothing.
        gone = [m for m in self.state.waiting if m.made_at <= late and (m.attempts or self.state.failures)]
        self.state.waiting = [m for m in self.state.waiting if m not in gone]
        return gone

    def wakes_at(self, now: int) -> int:
        """Return when (ns) something changes by the clock alone: for those who try out a time that has passed."""
        state, limits = self.state, self._limits
        found = [i.next_at for i in state.incidents.values()]
        if state.waiting:
            found += [at + HOUR_NS for at in state.sent_at]
            if limits.quiet is not None and limits.quiet.covers(now, limits.tz):
                found.append((now // 60_000_000_000 + 1) * 60_000_000_000)
        return min((at for at in found if at > now), default=_NEVER)

    # -- messages ------------------------------------------------------------------------------------------------

    def _message(self, kind: Kind, telling: Telling, now: int, *, covers: int = 1) -> Message:
        return Message(
            id=self._id(kind, (telling.key,), telling.pos or telling.at),
            kind=kind,
            severity=telling.severity,
            keys=(telling.key,),
            first=telling.first,
            why=telling.why,
            do=telling.do,
            link=f"{self._limits.link}{telling.page}" if self._limits.link and telling.page else "",
            covers=covers,
            at=telling.at,
            made_at=now,
            through=telling.pos,
        )

    def _id(self, kind: str, keys: Sequence[str], what: int) -> str:
        return str(stable_uuid("notice", self._limits.target, kind, *keys, str(what)))

    def _put(self, message: Message) -> None:
        if message.id in self._put_once:
            self.state.waiting = [m for m in self.state.waiting if m.id != message.id]
        elif len(self._put_once) > _MOST_IDS:
            self._put_once = {m.id for m in self.state.waiting}
        self._put_once.add(message.id)
        self.state.waiting.append(message)

    def _unsent(self, key: str) -> Message | None:
        """Return the message about `key` alone that waits and was never tried."""
        return next((m for m in self.state.waiting if m.keys == (key,) and not m.attempts and m.kind != "over"), None)

    def _hold(self, messages: Sequence[Message]) -> None:
        names = {m.id for m in messages}
        self.state.waiting = [
            msgspec.structs.replace(m, held=True) if m.id in names and not m.held else m for m in self.state.waiting
        ]

    def _gather(self, several: Sequence[Message], now: int, why: str) -> Message:
        """Put one message in the place of several, and return it."""
        if len(several) == 1:
            return several[0]
        limits = self._limits
        said = [f"{m.first} ({moment(m.at, limits.tz)})" for m in several]
        # What stood for several already brings its lines along.
        lines = [line for m, own in zip(several, said, strict=True) for line in (m.lines or (own,))]
        severity = max((m.severity for m in several), key=RANK.__getitem__)
        room = len(lines) if severity == "critical" else _LINES
        since = moment(min(m.at for m in several), limits.tz)
        # An end stands for nothing that happened since, and is a thing to read all the same.
        n = sum(max(m.covers, 1) for m in several)
        if len(lines) > room:
            # Not by the lines that are left out: one of them may say itself how many more there were.
            lines = [*lines[:room], f"and {max(n, len(lines)) - room} more: steersman status, or the console"]
        heads = {
            "quiet": f"{counted(n, 'thing')} happened while it was quiet, since {since}",
            "critical": f"{counted(n, 'critical thing')} since {since}: {several[0].first}",
            "more": f"{n} more since {since}, see the console",
            "burst": f"{n} at once, the first: {several[0].first}",
        }
        made = Message(
            id=self._id("digest", [m.id for m in several], len(several)),
            kind="digest",
            severity=severity,
            keys=tuple(dict.fromkeys(key for m in several for key in m.keys)),
            first=heads[why],
            why=f"at most {limits.per_hour} messages an hour" if why in ("more", "critical") else "",
            do=several[0].do if why == "burst" else "steersman status",
            link=limits.link,
            lines=tuple(lines),
            covers=sum(m.covers for m in several),
            at=min(m.at for m in several),
            made_at=min(m.made_at for m in several),
            through=max(m.through for m in several),
        )
        gone = {m.id for m in several}
        self.state.waiting = [*(m for m in self.state.waiting if m.id not in gone), made]
        return made


def _alike(messages: Sequence[Message]) -> Sequence[Message]:
    """Return the first message, with all that wait under the same rule if they are many: they came at once."""
    rule = messages[0].keys[0].partition("/")[0]
    same = [m for m in messages if m.kind == "raised" and m.keys[0].partition("/")[0] == rule]
    return same if len(same) > _MANY and same[0] is messages[0] else messages[:1]


def _louder(one: Telling, other: Telling) -> Telling:
    """Return `one`, as severe as the more severe of both."""
    return msgspec.structs.replace(one, severity=max(one.severity, other.severity, key=RANK.__getitem__))
