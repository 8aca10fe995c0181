"""What a person may do about automations from a page, and a program through the API: each answers at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import msgspec

from steersman.automation.control import when
from steersman.automation.control.pauses import EVERYTHING
from steersman.automation.queries import find_run, find_skip
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.hand import Hand
from steersman.bootstrap.operating import Operator
from steersman.console.acts import Missing
from steersman.kernel.errors import Misconfigured, Rejected

_CANCEL_WAIT_S: Final = 1.0
_SEEN_WAIT_S: Final = 1.0
_LOOK_S: Final = 0.05


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was asked for; `seen` is whether it has begun, or ended without, by now."""

    run_id: str
    seen: bool


class PauseChanged(msgspec.Struct, frozen=True, kw_only=True):
    """What is held back now, by name, in words."""

    paused: dict[str, str]


class CancelAsked(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was asked to end; `status` says how it ended, None: not yet."""

    run_id: str
    status: str | None


class AutoActs:
    """The acts on the automations of one desk; may be called from any thread.

    Raises, all of them:
        Rejected: a rule says no; nothing was changed.
        Unavailable: the ledger does not take it; nothing was changed.
    """

    def __init__(self, desk: Desk, refresh: Callable[[], None], hand: Hand) -> None:
        self._desk = desk
        self._refresh = refresh
        self._hand = hand

    def pause(self, name: str, *, until: str, span: str, reason: str, by: str) -> PauseChanged:
        """Hold `name` back (`*`: all), until a time or for a span; both empty: until it is resumed."""
        now, tz = self._desk.clock.now_ns(), self._desk.workspace.desk.tz
        if until.strip() and span.strip():
            raise Misconfigured("a pause has one end: a time or a span", fix="leave one of them empty")
        end = when.after(span, now) if span.strip() else when.until(until, tz, now) if until.strip() else None
        self._operator(by).pause([self._known(name)], until=end, reason=reason)
        return self._paused(by)

    def resume(self, name: str, *, reason: str, by: str) -> PauseChanged:
        """Let `name` start again (`*`: all)."""
        if not by.startswith("person:"):
            raise Rejected(f"only a person may resume what was paused, not {by}", fix="resume it in the console")
        self._operator(by).resume([name], reason=reason)
        return self._paused(by)

    def cancel(self, run_id: str, *, reason: str, by: str) -> CancelAsked:
        """Ask a run to end; it has about a second to be over when this returns."""
        operator = self._operator(by)
        ended = operator.cancel(
            [t for t in operator.targets(run_id) if t.run_id == run_id], reason=reason, wait_s=_CANCEL_WAIT_S
        )
        if not ended:
            raise Missing(f"there is no run {run_id!r}", fix="the automations name their latest")
        return CancelAsked(run_id=run_id, status=ended[0].status)

    def run(self, name: str, *, params: dict[str, str], anyway: bool, by: str) -> Started:
        """Start `name` after what it needs."""
        return self._seen(self._hand.run(self._known(name), by=by, params=params, anyway=anyway))

    def rerun(self, run_id: str, *, from_start: bool, by: str) -> Started:
        """Repeat the cycle of a run from where it failed."""
        return self._seen(self._hand.rerun(run_id, by=by, from_start=from_start))

    def _operator(self, by: str) -> Operator:
        return Operator(self._desk, by=by, refresh=self._refresh)

    def _known(self, name: str) -> str:
        if name != EVERYTHING and name not in self._desk.workspace.automations:
            raise Missing(f"there is no automation {name!r}", fix="the automations page names them")
        return name

    def _paused(self, by: str) -> PauseChanged:
        return PauseChanged(paused={name: str(held) for name, held in self._operator(by).held().items()})

    def _seen(self, run_id: str) -> Started:
        """Wait a moment for the run to begin, so that its page is there to go on to."""
        pause, until = threading.Event(), self._desk.clock.elapsed_ns() + int(_SEEN_WAIT_S * 1e9)
        while True:
            self._refresh()
            seen = find_run(self._desk.db, run_id) is not None or find_skip(self._desk.db, run_id) is not None
            if seen or self._desk.clock.elapsed_ns() >= until:
                return Started(run_id=run_id, seen=seen)
            pause.wait(_LOOK_S)
