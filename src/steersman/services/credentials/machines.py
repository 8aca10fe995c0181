"""The other machines, as logins see them: reached through the commons, left alone for a moment after those failed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured, Unavailable
from steersman.services.commons import Commons, SharedSettings
from steersman.services.commons.machine import machine_id
from steersman.services.credentials.recorder import Recorder
from steersman.services.events import COMMONS_FAILED, CommonsFailed

_AGAIN_NS: Final = 5 * 1_000_000_000
_TELL_EVERY_NS: Final = 60 * 1_000_000_000
T = TypeVar("T")


class Machines:
    """The commons with a memory: whoever found them silent is not followed by everybody else at once."""

    def __init__(
        self, commons: Commons, settings: SharedSettings, state: Path, recorder: Recorder, clock: Clock
    ) -> None:
        self.name, self.may_go_alone = settings.machine_name, settings.without == "alone"
        self._commons, self._state = commons, state
        self._recorder, self._clock = recorder, clock
        self._mutex = threading.Lock()
        self._is_durable = False
        self._id = ""
        self._away_until: int | None = None
        self._told_at: int | None = None
        self.problem = ""
        """What was wrong with the commons when they were last asked; empty if nothing was."""

    @property
    def id(self) -> str:
        """What no other machine has."""
        if not self._id:
            self._id = machine_id(self._state)
        return self._id

    @property
    def where(self) -> str:
        """The commons, for messages: `redis at host:6379/0`."""
        return f"{self._commons.kind} at {self._commons.place}"

    def check_durable(self) -> None:
        """Refuse a server that may forget a login.

        Raises:
            Misconfigured: it says why, and what to change there.
            Unavailable: it does not answer.
        """
        if self._is_durable:
            return
        if why := self._commons.not_durable:
            raise Misconfigured(
                f"logins cannot be shared through {self.where}: {why}",
                fix="change that there, or write `shared = false` into [provider.NAME] of each login that stays here",
            )
        self._is_durable = True

    def ask(self, doing: str, question: Callable[[Commons], T]) -> T:
        """Return what the commons answer.

        Raises:
            Unavailable: nothing, now or a moment ago; recorded once a minute.
            Otherwise what `question` raises.
        """
        with self._mutex:
            is_away = self._away_until is not None and self._clock.elapsed_ns() < self._away_until
        if is_away:
            raise self._away(doing, "they did not answer a moment ago")
        try:
            self.check_durable()
            answer = question(self._commons)
        except Unavailable as exc:
            with self._mutex:
                self._away_until, self.problem = self._clock.elapsed_ns() + _AGAIN_NS, exc.message
            self._tell(doing, exc.message)
            raise self._away(doing, exc.message) from exc
        with self._mutex:
            self._away_until, self.problem = None, ""
        return answer

    def _away(self, doing: str, why: str) -> Unavailable:
        return Unavailable(
            f"{doing} needs {self.where}, which machines share: {why}",
            fix="wait; see `steersman doctor`. Tokens that are still good go on being leased",
        )

    def _tell(self, doing: str, problem: str) -> None:
        """Record a failure, if none was recorded within the last minute."""
        now = self._clock.elapsed_ns()
        with self._mutex:
            if self._told_at is not None and now - self._told_at < _TELL_EVERY_NS:
                return
            self._told_at = now
        event = CommonsFailed(
            commons=self._commons.kind,
            place=self._commons.place,
            doing=doing,
            problem=problem,
            did="leased what was still good, fetched nothing",
            at=self._clock.now_ns(),
        )
        with suppress(Unavailable):  # said to whoever asked, all the same
            self._recorder.say_about("commons", COMMONS_FAILED, event)
