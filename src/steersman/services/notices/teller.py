"""One target told: from the ledger through the storm to its address, whatever dies on the way.

The position, what waits and what was sent are written together before anything is sent and after each attempt. A crash
between the other side's answer and that write sends the one message again, under the same id; nothing else is repeated
and nothing is lost.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

import msgspec

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured, OutcomeUnknown, Rejected, SteersmanError, Unavailable
from steersman.ledger import Ledger, NewEvent, new_event
from steersman.services.notices.events import NOTICE_FAILED, NOTICE_SENT, NoticeFailed, NoticeSent, stream
from steersman.services.notices.memory import Kept, StateFile
from steersman.services.notices.model import Message, Telling
from steersman.services.notices.ports import Notifier
from steersman.services.notices.rules import Reader
from steersman.services.notices.storm import Limits, State, Storm
from steersman.services.notices.wording import clean

FIRST_WAIT_S: Final = 15.0
LONGEST_WAIT_S: Final = 1800.0
_LONGEST_ASKED_S: Final = 3600.0
_JITTER: Final = 0.2
_AT_ONCE: Final = 5
_RECORD_S: Final = 5.0
_OLD_NS: Final = 7 * 86_400 * 10**9
_MOST_UNRECORDED: Final = 500
_SAVE_AFTER: Final = 1000
_KEYS: Final = 10


class Teller:
    """Tells one target. `tick` does what there is to do now; call it about once a second, from one thread."""

    def __init__(
        self,
        *,
        name: str,
        notifier: Notifier,
        reader: Reader,
        limits: Limits,
        ledger: Ledger,
        clock: Clock,
        file: StateFile,
        conditions: Callable[[int], Iterable[Telling]] = lambda _: (),
        chance: Callable[[], float] = random.random,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Take up what was left; a target that is new begins at the end of the ledger.

        Args:
            conditions: what is the case now and no event can say, asked at each tick with the time (ns).
            chance: a number from 0 to 1, for the jitter.
            say: tells the operator's terminal.
        """
        self.name = name
        self._notifier = notifier
        self._reader = reader
        self._ledger = ledger
        self._clock = clock
        self._file = file
        self._conditions = conditions
        self._chance = chance
        self._say = say
        self._told = ""
        self._unsaved = False
        kept = file.read()
        # Written at the first tick: where a new target began must outlast a desk that dies before anything happens.
        self._is_new = kept is None
        self._kept = kept or Kept(state=State(cursor=self._begin_at()))
        self._storm = Storm(self._kept.state, limits)
        self._saved_cursor = self._kept.state.cursor

    @property
    def state(self) -> State:
        return self._kept.state

    def tick(self) -> None:
        """Read what happened, decide, send what may be sent now."""
        self._record()
        now = self._clock.now_ns()
        changed = self._take_in(now)
        before = msgspec.json.encode(self.state.waiting)
        self._storm.tick(now)
        for gone in self._storm.give_up(now):
            self._note_failed(gone, "given up after a day", now, unknown=False, retry_at=None)
            changed = True
        first = self._storm.next(now)
        if (
            self._is_new
            or self._unsaved
            or changed
            or first is not None
            or before != msgspec.json.encode(self.state.waiting)
        ):
            self._save()
        for _ in range(_AT_ONCE):
            message = self._storm.next(self._clock.now_ns())
            if message is None:
                break
            self._deliver(message)
        self._record()

    def close(self) -> None:
        """Write down how far was read."""
        self._save()

    # -- in ------------------------------------------------------------------------------------------------------

    def _begin_at(self) -> int:
        """Return where to begin without a file: behind what was told last if it is lost, else at the end."""
        through = None
        for event in self._ledger.read(stream=stream(self.name)):
            if event.type in (NOTICE_SENT, NOTICE_FAILED):
                through = msgspec.json.decode(event.data, type=_Through).through
        return self._ledger.head().pos if through is None else through

    def _take_in(self, now: int) -> bool:
        """Take in the events since the last tick; return whether they changed anything worth writing down."""
        changed, head = False, self._ledger.head().pos
        for event in self._ledger.read(after=self.state.cursor, types=self._reader.types):
            if now - event.recorded_at <= _OLD_NS:
                for telling in self._reader.read(event):
                    changed = self._storm.take(telling, now) or changed
            head = max(head, event.pos)
        self.state.cursor = head
        for telling in self._conditions(now):
            changed = self._storm.take(telling, now) or changed
        return changed or head - self._saved_cursor >= _SAVE_AFTER

    # -- out -----------------------------------------------------------------------------------------------------

    def _deliver(self, message: Message) -> None:
        self._save()  # what `next` put together must have a name that a second life knows
        problem: SteersmanError
        try:
            answer = self._notifier.send(message)
        except (Unavailable, Rejected, Misconfigured) as exc:
            problem = exc
        except Exception as exc:  # noqa: BLE001 - the edge of an adapter: what it does not say itself must not stop us
            problem = OutcomeUnknown(f"{type(exc).__name__} in the adapter", fix="")
        else:
            now = self._clock.now_ns()
            self._storm.arrived(message, now)
            self._note_sent(message, answer, now)
            self._told = ""
            self._save()
            return
        self._failed(message, problem)

    def _failed(self, message: Message, problem: SteersmanError) -> None:
        now, is_whole = self._clock.now_ns(), not isinstance(problem, Rejected)
        number = self.state.failures + 1 if is_whole else message.attempts + 1
        asked = getattr(problem, "retry_after_s", None) or 0.0
        delay_s = max(backoff_s(number, self._chance()), min(asked, _LONGEST_ASKED_S))
        unknown = isinstance(problem, OutcomeUnknown)
        tried = self._storm.failed(message, now, delay_s=delay_s, whole=is_whole, unknown=unknown)
        self._note_failed(tried, problem.message, now, unknown=unknown, retry_at=tried.retry_at)
        self._save()
        self._once(str(problem))

    def _once(self, text: str) -> None:
        if text != self._told:
            self._told = text
            self._say(f"notify {self.name}: {text}")

    def _note_sent(self, message: Message, answer: str, now: int) -> None:
        said = NoticeSent(
            target=self.name,
            notice_id=message.id,
            kind=message.kind,
            severity=message.severity,
            keys=message.keys[:_KEYS],
            covers=message.covers,
            attempt=message.attempts + 1,
            answer=clean(answer),
            late_s=max(0.0, (now - message.made_at) / 1e9),
            through=self._through(),
            at=now,
        )
        self._note(NOTICE_SENT, said, now)

    def _note_failed(self, message: Message, problem: str, now: int, *, unknown: bool, retry_at: int | None) -> None:
        said = NoticeFailed(
            target=self.name,
            notice_id=message.id,
            severity=message.severity,
            keys=message.keys[:_KEYS],
            attempt=message.attempts,
            problem=clean(problem),
            unknown=unknown,
            retry_at=retry_at,
            through=self._through(),
            at=now,
        )
        self._note(NOTICE_FAILED, said, now)

    def _through(self) -> int:
        """Return the position up to which everything was told or is told by what waits in the file."""
        waiting = [m.through for m in self.state.waiting if m.through]
        return min([self.state.cursor, *(through - 1 for through in waiting)])

    # -- written down --------------------------------------------------------------------------------------------

    def _note(self, kind: str, data: NoticeSent | NoticeFailed, now: int) -> None:
        # Its id is on disk before the ledger is told: telling it again is a repeat.
        event = new_event(
            kind,
            stream=stream(self.name),
            data=data,
            actor="desk",
            now_ns=now,
        )
        self._kept.unrecorded = [*self._kept.unrecorded, event][-_MOST_UNRECORDED:]

    def _record(self) -> None:
        """Tell the ledger what became of attempts; without a core that waits, and telling does not."""
        events: list[NewEvent] = self._kept.unrecorded
        if not events:
            return
        # With a limit of our own: a core that hangs must not keep anybody from being told so.
        with suppress(Unavailable, TimeoutError):
            self._ledger.append_soon(events).result(_RECORD_S)
            self._kept.unrecorded = []

    def _save(self) -> None:
        """Write everything down. A disk that takes nothing is itself something to tell: that goes on from memory."""
        try:
            self._file.write(self._kept)
        except Unavailable as exc:
            self._unsaved = True
            self._once(f"what was told cannot be written down, and may come again: {exc}")
            return
        self._is_new = self._unsaved = False
        self._saved_cursor = self.state.cursor


class _Through(msgspec.Struct):
    through: int


def backoff_s(number: int, chance: float) -> float:
    """Return how long to wait after failure `number` (from 1): doubling up to half an hour, a fifth more or less."""
    plain = min(FIRST_WAIT_S * 2.0 ** min(number - 1, 20), LONGEST_WAIT_S)
    return plain * (1 + _JITTER * (2 * chance - 1))
