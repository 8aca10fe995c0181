"""The other machines, as pulls see them: reached through the commons, left alone for a while after those failed."""

from __future__ import annotations

import threading
from typing import Final

from steersman.kernel.clock import Clock
from steersman.kernel.errors import SteersmanError, Unavailable
from steersman.services.commons import Commons, SharedSettings
from steersman.services.events import COMMONS_FAILED, CommonsFailed
from steersman.services.pulls.recording import Recorder

_AGAIN_NS: Final = 5 * 1_000_000_000
_TELL_EVERY_NS: Final = 60 * 1_000_000_000


class CommonsAway(Unavailable):
    """The commons do not answer, and `[shared] without = "refuse"` lets nothing go on without them."""


class Machines:
    """The commons with a memory: whoever found them silent is not followed by everybody else at once."""

    def __init__(self, commons: Commons, settings: SharedSettings, recorder: Recorder, clock: Clock) -> None:
        self.commons, self.settings = commons, settings
        self.name = settings.machine_name
        self._recorder, self.clock = recorder, clock
        self._lock = threading.Lock()
        self._away_until: int | None = None
        self._told_at: int | None = None

    @property
    def is_away(self) -> bool:
        """Whether they failed a moment ago, so that nobody should wait for them again now."""
        with self._lock:
            return self._away_until is not None and self.clock.elapsed_ns() < self._away_until

    def without(self, doing: str, exc: SteersmanError | None) -> None:
        """Note that something goes on without them, because of `exc` (None: they are still away).

        Raises:
            CommonsAway: it must not.
        """
        refuses = self.settings.without == "refuse"
        if exc is not None:
            self.failed(doing, exc.message, "refused" if refuses else "went on alone")
        if refuses:
            raise CommonsAway(
                f"{doing}: the commons at {self.commons.place} do not answer",
                fix='start them; or write without = "alone" into [shared], and machines may ask twice meanwhile',
            ) from exc

    def failed(self, doing: str, problem: str, did: str) -> None:
        """Note that they did not answer, record it, and have everybody leave them alone for a moment."""
        with self._lock:
            self._away_until = self.clock.elapsed_ns() + _AGAIN_NS
        self.tell(doing, problem, did)

    def back(self) -> None:
        """Note that they answered."""
        with self._lock:
            self._away_until = None

    def tell(self, doing: str, problem: str, did: str) -> None:
        """Record a failure, if none was recorded within the last minute."""
        now = self.clock.elapsed_ns()
        with self._lock:
            if self._told_at is not None and now - self._told_at < _TELL_EVERY_NS:
                return
            self._told_at = now
        event = CommonsFailed(
            commons=self.commons.kind,
            place=self.commons.place,
            doing=doing,
            problem=problem,
            did=did,
            at=self.clock.now_ns(),
        )
        self._recorder.tell(COMMONS_FAILED, "", event, who="pulls", stream="commons")
