"""What happens to data, into the ledger: events about upstream at once, reads counted together."""

from __future__ import annotations

import sys
import threading
from collections import deque
from concurrent.futures import Future, wait
from typing import Final

import msgspec

from steersman.kernel.clock import Clock
from steersman.kernel.errors import SteersmanError, Unavailable
from steersman.ledger import Appended, Ledger, NewEvent, new_event
from steersman.services.events import DATA_SERVED, DataServed
from steersman.services.ports import Pulled

EVERY_S: Final = 10.0
_MOST_WAITING: Final = 10_000
_CLOSE_S: Final = 5.0
_CLOSE_PAUSES_S: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 0.0)
_Who = tuple[str, str, str, str]


class Recorder:
    """Appends without making anybody wait. While the ledger takes nothing, events wait in memory (see `waiting`).

    Data is not money: a core that restarts must not keep scripts from their data. What still waits when the process is
    killed is lost; a normal exit through `close` loses nothing that the ledger takes.
    """

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger, self._clock = ledger, clock
        self._lock = threading.RLock()
        self._unsent: deque[NewEvent] = deque(maxlen=_MOST_WAITING)
        self._sent: deque[tuple[NewEvent, Future[Appended]]] = deque()
        self._counted: dict[_Who, DataServed] = {}
        self._told_at: dict[_Who, int] = {}
        self._closed = threading.Event()
        self._ticker: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """How many events the ledger has not taken yet."""
        with self._lock:
            self._settle()
            return len(self._unsent)

    def tell(self, kind: str, pull: str, data: msgspec.Struct, *, who: str, stream: str = "") -> None:
        """Append one event, to the stream of the pull if none is named."""
        stream = stream or f"pull/{pull}"
        event = new_event(kind, stream=stream, data=data, actor=who, now_ns=self._clock.now_ns())
        with self._lock:
            self._unsent.append(event)
            self._send()

    def served(self, given: Pulled, *, who: str, run_id: str) -> None:
        """Count one read: told at once if it is the first of this asker, key and state for a while."""
        now = self._clock.now_ns()
        reader = (who, run_id, given.key, given.state)
        event = DataServed(
            pull=given.pull,
            key=given.key,
            state=given.state,
            age_s=round(given.age_s, 3),
            size_bytes=given.receipt.size_bytes,
            content_hash=given.receipt.content_hash,
            who=who,
            run_id=run_id,
            at=now,
        )
        with self._lock:
            if now - self._told_at.get(reader, 0) >= EVERY_S * 1e9 and reader not in self._counted:
                self._told_at[reader] = now
                self.tell(DATA_SERVED, given.pull, event, who=who)
                return
            before = self._counted.get(reader)
            if before is not None and before.content_hash != event.content_hash:
                self._tell_counted(reader)
                before = None
            self._counted[reader] = msgspec.structs.replace(event, count=1 + (before.count if before else 0))
            self._tick()

    def flush(self) -> None:
        """Tell what has been counted."""
        with self._lock:
            for reader in list(self._counted):
                self._tell_counted(reader)
            horizon = self._clock.now_ns() - int(EVERY_S * 1e9)
            self._told_at = {reader: at for reader, at in self._told_at.items() if at > horizon}
            self._send()

    def close(self) -> None:
        """Tell everything, and wait until the ledger has taken it, or for some seconds; what is lost then is said."""
        self._closed.set()
        if (ticker := self._ticker) is not None:
            ticker.join()
        self.flush()
        left = 0
        for pause_s in _CLOSE_PAUSES_S:  # a core that restarts just now is waited for
            with self._lock:
                self._send()
                sent = [future for _, future in self._sent]
            hung = wait(sent, timeout=_CLOSE_S).not_done
            with self._lock:
                self._settle()
                left = len(self._unsent) + len(self._sent)
            if hung or not left:
                break
            threading.Event().wait(pause_s)
        if left:
            print(f"pulls: the ledger did not take {left:,} events, which are lost", file=sys.stderr, flush=True)

    def _tell_counted(self, reader: _Who) -> None:
        event = self._counted.pop(reader)
        self._told_at[reader] = self._clock.now_ns()
        self.tell(DATA_SERVED, event.pull, event, who=event.who)

    def _send(self) -> None:
        """Hand what waits to the ledger, oldest first; the same ids make a repeat harmless."""
        self._settle()
        while self._unsent:
            event = self._unsent.popleft()
            try:
                self._sent.append((event, self._ledger.append_soon([event])))
            except Unavailable:
                self._unsent.appendleft(event)
                return
            except SteersmanError as exc:
                # It never will be taken: whoever asked for data must not pay for that.
                self._lost(event, exc)

    def _settle(self) -> None:
        """Look at what was sent: what failed goes back to the front, in order."""
        failed, open_ = [], deque[tuple[NewEvent, Future[Appended]]]()
        for event, future in self._sent:
            if not future.done():
                open_.append((event, future))
            elif future.cancelled() or isinstance(exc := future.exception(), Unavailable):
                failed.append(event)
            elif exc is not None and self._ledger.get(event.id) is None:
                self._lost(event, exc)
        self._sent = open_
        self._unsent.extendleft(reversed(failed))

    def _lost(self, event: NewEvent, exc: BaseException) -> None:
        print(f"pulls: {event.type} is not recorded: {exc}", file=sys.stderr, flush=True)

    def _tick(self) -> None:
        """Have the counts told within `EVERY_S` even if nobody asks again."""
        if (self._ticker is None or not self._ticker.is_alive()) and not self._closed.is_set():
            self._ticker = threading.Thread(target=self._later, name="pulls-counts", daemon=True)
            self._ticker.start()

    def _later(self) -> None:
        self._closed.wait(EVERY_S)
        with self._lock:
            self.flush()
            self._ticker = None
