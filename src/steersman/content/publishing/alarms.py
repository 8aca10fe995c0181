"""Alarms about posts that should be out, and about a worker that is silent. Loads no channel, no engine, no page."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from steersman.content.events.publishing import WORKER_BACK, WORKER_SILENT, PostOverdue, PostOverdueEnded, WorkerSeen
from steersman.content.publishing import heartbeat
from steersman.content.publishing.heartbeat import Waiting
from steersman.content.publishing.outbox import Outbox
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Conflict, Unavailable
from steersman.kernel.plurals import counted
from steersman.ledger import Ledger, new_event

GRACE_S: Final = 45.0
"""How late a post may be, and how silent a worker, before anybody is told: under 60 s with a look every 5 s."""
STREAM: Final = "worker/publishing"


def raise_overdue(outbox: Outbox, waiting: Sequence[Waiting], *, now_ns: int, why: str = "") -> list[PostOverdue]:
    """Tell the ledger which of `waiting` are late by more than the grace, each due instant once; return the new ones.

    Args:
        why: the reason for all of them; empty: each one's own.
    """
    said = []
    for one in waiting:
        if now_ns - one.due_at <= GRACE_S * 1e9:
            continue
        state = outbox.state(one.key)
        if state.overdue_at == one.due_at:
            continue
        overdue = PostOverdue(
            key=one.key, channel=one.channel, draft=one.draft, due_at=one.due_at, reason=why or one.reason, at=now_ns
        )
        # Whoever wrote first has news of this post: the next look judges them.
        with contextlib.suppress(Conflict):
            outbox.alarm(state, overdue)
            said.append(overdue)
    return said


def end_overdue(outbox: Outbox, keys: Sequence[str], *, now_ns: int) -> None:
    """Tell the ledger that these posts are not late any more, though they did not go out."""
    for key in keys:
        state = outbox.state(key)
        if state.overdue_at is None or state.published is not None:
            continue
        channel = key.partition("/")[0]
        draft = state.planned.draft if state.planned is not None else ""
        ended = PostOverdueEnded(key=key, channel=channel, draft=draft, reason="it does not wait any more", at=now_ns)
        with contextlib.suppress(Conflict):
            outbox.end_alarm(state, ended)


class Watchman:
    """Watches the worker from another process: by whether its beats change, so no jump of a clock can fool it."""

    def __init__(self, *, root: Path, ledger: Ledger, clock: Clock, actor: str) -> None:
        self._path = root / heartbeat.FILE
        self._ledger = ledger
        self._clock = clock
        self._actor = actor
        self._outbox = Outbox(ledger, clock, actor=actor)
        self._last: tuple[str, int] | None = None
        self._since = clock.elapsed_ns()
        self._is_silent = self._was_silent()

    def look(self) -> str:
        """Raise or end the alarm; return what was said, empty if nothing was. Call it every few seconds."""
        try:
            return self._look()
        except Unavailable:
            # The ledger takes nothing now: the next look says it.
            return ""

    def _look(self) -> str:
        beat = heartbeat.read(self._path)
        if beat is None:
            return ""
        name = (beat.worker, beat.count)
        if name != self._last:
            is_first, self._last, self._since = self._last is None, name, self._clock.elapsed_ns()
            # The first look cannot tell an old beat from a new one.
            back = "the publishing worker publishes again"
            return "" if is_first or not self._is_silent else self._say(WORKER_BACK, beat, back)
        silent_s = (self._clock.elapsed_ns() - self._since) / 1e9
        if silent_s <= GRACE_S or not beat.waiting:
            return ""
        reason = "the publishing worker is silent"
        raise_overdue(self._outbox, beat.waiting, now_ns=self._clock.now_ns(), why=reason)
        return "" if self._is_silent else self._say(WORKER_SILENT, beat, f"{reason} for {silent_s:.0f} s")

    def _say(self, kind: str, beat: heartbeat.Heartbeat, reason: str) -> str:
        now = self._clock.now_ns()
        seen = WorkerSeen(last_seen_at=beat.at, waiting=len(beat.waiting), reason=reason, at=now)
        self._ledger.append([new_event(kind, stream=STREAM, data=seen, actor=self._actor, now_ns=now)])
        self._is_silent = kind == WORKER_SILENT
        return f"{reason}; {counted(seen.waiting, 'post waits', 'posts wait')}"

    def _was_silent(self) -> bool:
        last = last_seen(self._ledger)
        return last is not None and last[0]


def last_seen(ledger: Ledger) -> tuple[bool, WorkerSeen] | None:
    """Return whether the worker is silent, and what was said last; None if there never was an alarm."""
    found = None
    for event in ledger.read(stream=STREAM):
        found = (event.type == WORKER_SILENT, msgspec.json.decode(event.data, type=WorkerSeen))
    return found
