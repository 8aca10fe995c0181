"""One flight over all machines: the lock of a key in the commons, what another machine pulled, and telling it ours."""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

import msgspec

from steersman.kernel.clock import Clock, SystemClock
from steersman.kernel.errors import Conflict, SteersmanError, Unavailable
from steersman.services.commons import Lock
from steersman.services.events import CACHE_QUARANTINED, DATA_FETCHED, CacheQuarantined, DataFetched
from steersman.services.ports import Receipt
from steersman.services.pulls.asking import Asked
from steersman.services.pulls.frames import Frames, stamp
from steersman.services.pulls.freshness import Terms
from steersman.services.pulls.machines import Machines
from steersman.services.pulls.model import Pull
from steersman.services.pulls.recording import Recorder
from steersman.services.pulls.records import Record
from steersman.services.pulls.shared_record import (
    SharedRecord,
    after_data,
    after_flight,
    data_kept,
    decoded,
    encoded,
    is_newer,
    kept_s,
    told,
    with_data,
)

_PAUSES_S: Final = (0.2, 0.5, 1.0)
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_PATIENCE_NS: Final = 3 * 1_000_000_000


class Turn(Protocol):
    """The right to ask upstream for a key, over all machines that share."""

    def newer(self, record: Record, *, who: str, run_id: str) -> Record:
        """Return what is known of the key now: `record` itself, unless another machine knows more."""
        ...

    def tell(self, record: Record, terms: Terms) -> Record:
        """Let the others have what a flight brought, be it data or trouble; never fails."""
        ...


class Alone:
    """The turn of a machine that shares with nobody, or cannot now."""

    def newer(self, record: Record, *, who: str, run_id: str) -> Record:
        return record

    def tell(self, record: Record, terms: Terms) -> Record:
        return record


class Sharing:
    """Takes turns. Without commons every turn is at once, and nothing is asked or told."""

    def __init__(self, machines: Machines | None, frames: Frames, recorder: Recorder, clock: Clock) -> None:
        self._machines, self._frames, self._recorder, self._clock = machines, frames, recorder, clock
        self._pause: Callable[[float], object] = threading.Event().wait
        # Waiting is real time whatever the desk's clock says, as it is for the machine's own locks.
        self._real = SystemClock()

    @contextlib.contextmanager
    def turn(self, asked: Asked, *, wait_s: float) -> Iterator[Turn | None]:
        """Yield the turn, None if another machine still has it after `wait_s`.

        Call with the machine's own lock of the key held: of every machine only one process waits here.

        Raises:
            CommonsAway: they do not answer, and nothing may go on without them.
        """
        machines, doing = self._machines, f"pull {asked.pull.name}"
        if machines is None:
            yield Alone()
            return
        is_away, lock = machines.is_away, None
        if is_away:
            machines.without(doing, None)
        else:
            try:
                lock = self._taken(machines, asked, wait_s)
            except Unavailable as exc:
                machines.without(doing, exc)
                is_away = True
        if is_away:
            yield Alone()
        elif lock is None:
            yield None
        else:
            with lock:
                yield _Shared(machines, self._frames, self._recorder, self._clock, asked, lock, self._pause)

    def _taken(self, machines: Machines, asked: Asked, wait_s: float) -> Lock | None:
        """Return the lock. Who waits for another machine's flight goes on waiting through a restart of the commons."""
        name = f"pull/{asked.key}"
        lock = machines.commons.lock(name)
        machines.back()
        until = self._real.elapsed_ns() + int(wait_s * 1e9)
        patience_s = machines.settings.lease_s
        while lock is None and (left_s := (until - self._real.elapsed_ns()) / 1e9) > 0:
            try:
                lock = machines.commons.lock(name, wait_s=left_s)
                patience_s = machines.settings.lease_s
            except Unavailable:
                patience_s -= _PAUSES_S[0]
                if patience_s <= 0:
                    raise
                self._pause(_PAUSES_S[0])
        return lock


class _Shared:
    """The turn of a machine that holds the key's lock in the commons."""

    def __init__(
        self,
        machines: Machines,
        frames: Frames,
        recorder: Recorder,
        clock: Clock,
        asked: Asked,
        lock: Lock,
        pause: Callable[[float], object],
    ) -> None:
        self._machines, self._commons = machines, machines.commons
        self._frames, self._recorder, self._clock = frames, recorder, clock
        self._asked, self._lock, self._pause = asked, lock, pause
        self._before: SharedRecord | None = None

    def newer(self, record: Record, *, who: str, run_id: str) -> Record:
        try:
            self._before = shared = self._read()
            if shared is None or (shared.flight == record.shared and record.path):
                return record
            least_ns, most_ns = self._ahead_ns()
            # What the answer took makes data look older, and a pause that was asked for longer: never the other way.
            after = after_flight(shared, record, ahead_ns=most_ns)
            if not is_newer(shared, record, ahead_ns=least_ns):
                return after
            path = self._path(shared, record, who=who, run_id=run_id, ahead_ns=least_ns)
            if path is None:
                return after
            known = after_data(shared, after, ahead_ns=least_ns)
            return msgspec.structs.replace(known, path=str(path), stamp=stamp(path))
        except Unavailable as exc:
            self._machines.without(self._doing, exc)
        except OSError:
            pass  # of our own disk: our own flight finds out, and says so
        return record

    def tell(self, record: Record, terms: Terms) -> Record:
        flight, until = secrets.token_hex(8), self._clock.elapsed_ns() + _PATIENCE_NS
        for pause_s in (*_PAUSES_S, None):
            try:
                self._told(record, flight, terms)
            except Conflict as exc:
                # Another machine may have asked meanwhile, and been told something newer: ours is for us alone.
                self._machines.tell(self._doing, exc.message, "kept it to itself")
                return record
            except (SteersmanError, OSError) as exc:
                if pause_s is None or self._clock.elapsed_ns() > until:
                    problem = exc.message if isinstance(exc, SteersmanError) else str(exc.strerror)
                    self._machines.failed(self._doing, problem, "kept it to itself")
                    return record
                self._pause(pause_s)
            else:
                return msgspec.structs.replace(record, shared=flight)
        raise AssertionError  # pragma: no cover - the last round returns

    def _read(self) -> SharedRecord | None:
        """Return what another machine told of this very question."""
        found = decoded(self._commons.read(self._name))
        if found is None or not found.data:
            return found
        receipt, pull = found.receipt, self._asked.pull
        is_ours = receipt is not None and (receipt.key, receipt.schema_version) == (
            self._asked.key,
            self._asked.schema_version,
        )
        names_it = (
            receipt is not None
            and _HASH.fullmatch(receipt.content_hash)
            and found.data == f"{self._name}/{receipt.content_hash[:16]}"
        )
        return found if is_ours and names_it and (found.frame == "arrow") == pull.is_frame else None

    @property
    def _doing(self) -> str:
        return f"pull {self._asked.pull.name}"

    @property
    def _name(self) -> str:
        return f"pull/{self._asked.key}"

    def _ahead_ns(self) -> tuple[int, int]:
        """Return how far our clock is at least, and at most, ahead of the commons'."""
        before = self._clock.now_ns()
        theirs = self._commons.now_ns()
        return before - theirs, self._clock.now_ns() - theirs

    def _path(self, shared: SharedRecord, record: Record, *, who: str, run_id: str, ahead_ns: int) -> Path | None:
        """Return the file of the data of `shared`, here already or fetched; None if it is gone or not what it was."""
        receipt = shared.receipt
        if receipt is None:
            return None
        if record.path and record.receipt and record.receipt.content_hash == receipt.content_hash:
            return Path(record.path)
        began = self._clock.elapsed_ns()
        data = self._commons.read(shared.data)
        if data is None:
            return None
        if len(data) != receipt.size_bytes or hashlib.sha256(data).hexdigest() != receipt.content_hash:
            self._doubt(shared)
            return None
        path = self._placed(data, shared)
        if path is not None:
            if record.path and record.path != str(path):
                self._frames.superseded(record.path)
            age_s = (self._clock.now_ns() - ahead_ns - (shared.checked_at or 0)) / 1e9
            took_ms = (self._clock.elapsed_ns() - began) / 1e6
            self._fetched(shared, receipt, age_s=age_s, took_ms=took_ms, who=who, run_id=run_id)
        return path

    def _placed(self, data: bytes, shared: SharedRecord) -> Path | None:
        """Return where the data lies now; None if there is no room, which our own pull will say better."""
        made = self._frames.temporary(room=len(data))
        # As our own flights call it; the hash was compared, and `shared.data` ends with how it begins.
        name = f"{self._asked.key}-{shared.data.rpartition('/')[2]}"
        try:
            made.write_bytes(data)
            return self._frames.place(made, f"{name}.{'arrow' if shared.frame == 'arrow' else 'bin'}")
        except (OSError, Unavailable):
            return None
        finally:
            made.unlink(missing_ok=True)

    def _doubt(self, shared: SharedRecord) -> None:
        pull = self._asked.pull.name
        problem = f"what {shared.data_machine} left in the commons is not what it checked"
        event = CacheQuarantined(
            pull=pull, key=self._asked.key, problem=problem, quarantined="", at=self._clock.now_ns()
        )
        self._recorder.tell(CACHE_QUARANTINED, pull, event, who="pulls")

    def _fetched(
        self, shared: SharedRecord, receipt: Receipt, *, age_s: float, took_ms: float, who: str, run_id: str
    ) -> None:
        event = DataFetched(
            pull=self._asked.pull.name,
            key=self._asked.key,
            source=receipt.source,
            size_bytes=receipt.size_bytes,
            rows=receipt.rows,
            content_hash=receipt.content_hash,
            schema_version=receipt.schema_version,
            checks=receipt.checks,
            machine=shared.data_machine,
            commons=self._commons.kind,
            age_s=round(age_s, 3),
            took_ms=round(took_ms, 3),
            who=who,
            run_id=run_id,
            at=self._clock.now_ns(),
        )
        self._recorder.tell(DATA_FETCHED, self._asked.pull.name, event, who=who)

    def _told(self, record: Record, flight: str, terms: Terms) -> None:
        """Write data first, then the record that names it: whoever dies in between leaves the older one standing."""
        before, (_, ahead_ns) = self._before, self._ahead_ns()
        shared = told(record, flight, self._machines.name, ahead_ns=ahead_ns)
        least_s = kept_s(terms.ttl_s, max(terms.stale_while_revalidate_s, terms.stale_if_error_s))
        if is_shareable(record, self._asked.pull, self._machines.settings.largest_bytes):
            data, until, machine = self._data(record, least_s, ahead_ns)
            shared = with_data(shared, record, data=data, until=until, machine=machine, ahead_ns=ahead_ns)
        elif before is not None and not record.path:
            shared = data_kept(before, shared)
        self._commons.write(self._name, encoded(shared), under=self._lock, ttl_s=2 * least_s)
        if before is not None and before.data and before.data != shared.data:
            # Nobody reads it: who does, holds the lock that we hold.
            self._commons.delete(before.data)
        self._before = shared

    def _data(self, record: Record, least_s: float, ahead_ns: int) -> tuple[str, int, str]:
        """Return the name under which the data lies there, until when, and who pulled it; written unless it is."""
        receipt = record.receipt
        if receipt is None:
            raise AssertionError(record.key)  # pragma: no cover - it was looked at
        now, before = self._clock.now_ns() - ahead_ns, self._before
        name = f"{self._name}/{receipt.content_hash[:16]}"
        if before is not None and before.data == name:
            was_there = before.receipt is not None and before.receipt.content_hash == receipt.content_hash
            if was_there and before.data_until - now > least_s * 1e9:
                return name, before.data_until, before.data_machine
        self._commons.write(name, Path(record.path).read_bytes(), under=self._lock, ttl_s=2 * least_s)
        return name, now + int(2 * least_s * 1e9), self._machines.name


def is_shareable(record: Record, pull: Pull, largest_bytes: int) -> bool:
    """Say whether the data of `record` may lie in the commons: small enough, and not "no-store"."""
    if not record.path or record.receipt is None:
        return False
    may_store = record.http is None or record.http.may_store or not pull.http_cache
    return may_store and record.receipt.size_bytes <= largest_bytes
