"""What an attempt holds while its process runs: tokens of the resources it needs, and a place among the processes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from steersman.automation.admission.tokens import Tokens
from steersman.automation.closing import Closing, Interrupted, Wait
from steersman.automation.model.manifest import Automation, Manifest
from steersman.automation.model.outcome import Progress, RunRequest, State
from steersman.kernel.clock import Clock

OnProgress = Callable[[Progress], None]
_POLL_S = 0.1
_PLACE_POLL_S: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One attempt that is about to happen, or happens. `params` are the values of all declared parameters."""

    automation: Automation
    request: RunRequest
    number: int
    params: dict[str, str]
    tell: OnProgress
    wait: Wait
    may_start: Callable[[], None]

    @property
    def may_retry(self) -> bool:
        return self.number <= self.automation.retries

    def say(self, state: State, note: str = "") -> None:
        """Tell whoever watches the run."""
        name, run_id = self.automation.name, self.request.run_id
        self.tell(Progress(run_id=run_id, automation=name, state=state, attempt=self.number, note=note))


class Places:
    """The places for processes of one engine, and the tokens of its workspace; used by many threads."""

    def __init__(self, tokens: Tokens, processes: int, closing: Closing, clock: Clock) -> None:
        """Prepare; `processes` run at once."""
        self._tokens = tokens
        self._processes = processes
        self._free = threading.BoundedSemaphore(processes)
        self._closing = closing
        self._clock = clock

    @contextmanager
    def held(self, manifest: Manifest, turn: Turn) -> Iterator[None]:
        """Hold both within the block, however long that is waited for; between attempts others may have them.

        Raises:
            Interrupted: the engine closes.
            CancelAsked: the run is to end.
        """
        with self._with_tokens(manifest, turn), self._in_a_place(turn):
            yield

    @contextmanager
    def _with_tokens(self, manifest: Manifest, turn: Turn) -> Iterator[None]:
        automation, run_id = turn.automation, turn.request.run_id
        if not automation.resources:
            yield
            return
        told = ""
        try:
            while blocked := self._tokens.take(
                run_id,
                automation.name,
                automation.resources,
                manifest.resources,
                self._clock.now_ns(),
                across=manifest.across,
                over_machines=manifest.over_machines,
            ):
                if blocked != told:
                    turn.say("waiting", told := blocked)
                turn.wait.pause(_POLL_S)
            yield
        finally:
            self._tokens.drop(run_id)

    @contextmanager
    def _in_a_place(self, turn: Turn) -> Iterator[None]:
        told = False
        while not self._free.acquire(timeout=_PLACE_POLL_S):
            if not told:
                turn.say("waiting", f"for one of the {self._processes} processes that run at once")
                told = True
            turn.wait.pause(0.0)
        try:
            if self._closing.is_set:
                raise Interrupted
            yield
        finally:
            self._free.release()
