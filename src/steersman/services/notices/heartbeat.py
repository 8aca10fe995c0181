"""A dead man's switch: an address asked while all is well, so that silence is noticed elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from steersman.kernel.clock import Clock
from steersman.kernel.errors import SteersmanError, Unavailable
from steersman.ledger import Ledger, new_event
from steersman.services.notices.events import HEARTBEAT_FAILED, HEARTBEAT_RECOVERED, HeartbeatSaid, stream
from steersman.services.notices.wording import clean


class Heartbeat:
    """Beats by the clock that never jumps; a failure is tried again at the next beat and recorded once."""

    def __init__(
        self,
        *,
        target: str,
        every_s: float,
        beat: Callable[[], object],
        trouble: Callable[[], str],
        ledger: Ledger,
        clock: Clock,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Prepare; the first beat is at the first tick.

        Args:
            beat: asks the address; raises a SteersmanError if that fails.
            trouble: says what is not well here, empty if all is: then only is there a beat.
        """
        self._target = target
        self._every_ns = round(every_s * 1e9)
        self._beat = beat
        self._trouble = trouble
        self._ledger = ledger
        self._clock = clock
        self._say = say
        self._due: int | None = None
        self._problem = ""

    def tick(self) -> None:
        """Beat if it is time to."""
        now = self._clock.elapsed_ns()
        if self._due is not None and now < self._due:
            return
        trouble = self._trouble()
        if trouble:
            # Silence is the message. Looked at again at the next tick, so that recovery is not late by a whole span.
            if self._problem != trouble:
                self._problem = trouble
                self._say(f"heartbeat {self._target} is silent: {trouble}")
            return
        self._due = now + self._every_ns
        try:
            self._beat()
        except SteersmanError as exc:
            if self._problem != exc.message:
                self._problem = exc.message
                self._say(f"heartbeat {self._target}: {exc}")
                self._record(HEARTBEAT_FAILED, exc.message)
        else:
            if self._problem:
                self._problem = ""
                self._record(HEARTBEAT_RECOVERED, "")

    def _record(self, kind: str, problem: str) -> None:
        now = self._clock.now_ns()
        said = HeartbeatSaid(target=self._target, problem=clean(problem), at=now)
        with suppress(Unavailable):  # said on the terminal above
            self._ledger.append([new_event(kind, stream=stream(self._target), data=said, actor="desk", now_ns=now)])
