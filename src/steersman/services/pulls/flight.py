"""One flight: asked under the lock of its key, checked, put in its place, remembered, told."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from steersman.kernel.clock import Clock
from steersman.kernel.errors import SteersmanError, Unavailable
from steersman.services.events import (
    CACHE_QUARANTINED,
    DATA_PULLED,
    DATA_REFUSED,
    PULL_FAILED,
    CacheQuarantined,
    DataPulled,
    DataRefused,
    PullFailed,
)
from steersman.services.ports import Receipt
from steersman.services.pulls import http_rules
from steersman.services.pulls.asking import Asked
from steersman.services.pulls.checking import Verdict, check_apart
from steersman.services.pulls.fetching import Fetched, Fetching, NotFetched, conditions_for
from steersman.services.pulls.frames import Frames, stamp
from steersman.services.pulls.freshness import Terms, may_stand_in, pause_s, rolled
from steersman.services.pulls.quarantine import Quarantine
from steersman.services.pulls.recording import Recorder
from steersman.services.pulls.records import Record, Records, Trouble
from steersman.services.pulls.upstream import Failed

# An Arrow file may be larger than the text it came from: one letter of CSV becomes eight bytes.
_GROWTH: Final = 4
_LONGEST_ETAG: Final = 200
_CHECK: Final = "see `steersman pull --status`; the other side's status page may say more"


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is a flight (cold, expired, revalidate, forced, ad_hoc), and for whom."""

    why: str
    who: str
    run_id: str


class Flights:
    """Makes flights. The caller holds the lock of the key from before the record was read until after."""

    def __init__(
        self,
        records: Records,
        frames: Frames,
        quarantine: Quarantine,
        fetching: Fetching,
        recorder: Recorder,
        clock: Clock,
    ) -> None:
        self._records, self._frames, self._quarantine = records, frames, quarantine
        self._fetching, self._recorder, self._clock = fetching, recorder, clock

    def fly(self, asked: Asked, record: Record, terms: Terms, reason: Reason) -> tuple[Record, bool]:
        """Ask upstream and return the record as it stands now, stored, and whether upstream said "unchanged".

        A failure is in the record's `trouble`; the data it had stays.
        """
        began, began_ns = self._clock.elapsed_ns(), self._clock.now_ns()
        flown = msgspec.structs.replace(record, flight=record.flight + 1, flight_began_at=began_ns)
        trip = _Trip(asked, record, flown, terms, reason)
        try:
            self._check_memory(record)
            with self._scratch(asked.pull.max_bytes) as body:
                after, unchanged = self._outcome(trip, body, began)
        except NotFetched as failed:
            after, unchanged = self._failed(trip, failed), False
        except SteersmanError as exc:
            if reason.why != "revalidate":
                raise
            # Nobody waits for this answer, so the status has to say what is in the way.
            hindered = NotFetched(Failed(exc.message, again=False), calls=0, received=0)
            after, unchanged = self._failed(trip, hindered), False
        with contextlib.suppress(OSError):  # found out before anybody is asked the next time
            self._records.store(after)
        return after, unchanged

    def _check_memory(self, record: Record) -> None:
        """Notice a full disk before upstream is asked: what cannot be remembered would be asked for again and again.

        Raises:
            NotFetched: nothing can be written down.
        """
        try:
            self._records.store(record)
        except OSError as exc:
            said = Failed(f"what comes could not be remembered: {exc.strerror or type(exc).__name__}", again=False)
            raise NotFetched(said, calls=0, received=0) from exc

    def lost(self, record: Record, problem: str) -> Record:
        """Return the record without its file, which is not what was written; what is there goes into quarantine."""
        if problem != "missing":
            name = self._quarantine.keep(Path(record.path), record.key)
            with contextlib.suppress(OSError):
                Path(record.path).unlink()
            event = CacheQuarantined(
                pull=record.pull, key=record.key, problem=problem, quarantined=name, at=self._clock.now_ns()
            )
            self._recorder.tell(CACHE_QUARANTINED, record.pull, event, who="pulls")
        without = msgspec.structs.replace(record, path="", stamp=None, body_hash="", headers={}, http=None)
        self._records.store(without)
        return without

    @contextlib.contextmanager
    def _scratch(self, max_bytes: int) -> Iterator[Path]:
        body = self._frames.temporary(room=max_bytes)
        try:
            yield body
        finally:
            body.unlink(missing_ok=True)

    def _outcome(self, trip: _Trip, body: Path, began: int) -> tuple[Record, bool]:
        """Return the record after whatever came, and whether that was "unchanged"."""
        asked, before = trip.asked, trip.before
        conditions = conditions_for(asked, before.headers, have=bool(before.path))
        fetched = self._fetching.fetch(asked, body, conditions, who=trip.reason.who, run_id=trip.reason.run_id)
        trip.took_ms = (self._clock.elapsed_ns() - began) / 1e6
        reply = fetched.reply
        try:
            if reply.status == 304:
                headers = http_rules.freshened(before.headers, reply.headers) if conditions else {}
                if not headers:
                    raise _useless(fetched, "answered 304 (unchanged), but not of what is stored")
                return self._pulled(trip, fetched, headers=headers, unchanged=True), True
            headers = http_rules.kept(reply.headers)
            if before.path and reply.content_hash == before.body_hash:
                # The same bytes again: they were checked when they first came.
                return self._pulled(trip, fetched, headers=headers, unchanged=False), False
            return self._new(trip, fetched, body, headers), False
        except Unavailable as exc:
            raise _useless(fetched, exc.message) from exc

    def _new(self, trip: _Trip, fetched: Fetched, body: Path, headers: dict[str, str]) -> Record:
        asked, made = trip.asked, body
        verdict = Verdict(size_bytes=fetched.reply.size_bytes, content_hash=fetched.reply.content_hash)
        try:
            if asked.pull.is_frame:
                made = self._frames.temporary(room=_GROWTH * fetched.reply.size_bytes)
                verdict = check_apart(body, made, asked.pull.shape)
            if verdict.problems:
                return self._refused(trip, fetched, body, verdict.problems)
            suffix = "arrow" if asked.pull.is_frame else "bin"
            path = self._frames.place(made, f"{asked.key}-{verdict.content_hash[:16]}.{suffix}")
        finally:
            made.unlink(missing_ok=True)
        if trip.before.path and trip.before.path != str(path):
            self._frames.superseded(trip.before.path)
        receipt = Receipt(
            key=asked.key,
            source=asked.source,
            etag=headers.get("etag", "")[:_LONGEST_ETAG],
            size_bytes=verdict.size_bytes,
            rows=verdict.rows if asked.pull.is_frame else None,
            content_hash=verdict.content_hash,
            schema_version=asked.schema_version,
            checks=verdict.checks,
            pulled_at=self._clock.now_ns(),
        )
        trip.flown = msgspec.structs.replace(
            trip.flown,
            path=str(path),
            frame="arrow" if asked.pull.is_frame else "bytes",
            stamp=stamp(path),
            receipt=receipt,
            body_hash=fetched.reply.content_hash,
        )
        return self._pulled(trip, fetched, headers=headers, unchanged=False)

    def _pulled(self, trip: _Trip, fetched: Fetched, *, headers: dict[str, str], unchanged: bool) -> Record:
        """Return the record of a success, and tell it."""
        now, flown = self._clock.now_ns(), self._counted(trip)
        receipt = msgspec.structs.replace(_receipt(flown), pulled_at=now, etag=headers.get("etag", "")[:_LONGEST_ETAG])
        self._recorder.tell(
            DATA_PULLED,
            trip.asked.pull.name,
            DataPulled(
                pull=trip.asked.pull.name,
                key=receipt.key,
                source=receipt.source,
                etag=receipt.etag,
                size_bytes=receipt.size_bytes,
                upstream_bytes=fetched.received,
                rows=receipt.rows,
                content_hash=receipt.content_hash,
                schema_version=receipt.schema_version,
                checks=receipt.checks,
                upstream_calls=fetched.calls,
                revalidated=unchanged,
                why=trip.reason.why,
                waited=max(0, flown.waiters - trip.before.waiters),
                took_ms=round(trip.took_ms, 3),
                who=trip.reason.who,
                run_id=trip.reason.run_id,
                at=now,
            ),
            who=trip.reason.who,
        )
        http = http_rules.terms(headers, received_ns=fetched.answered_at) if trip.asked.pull.http_cache else None
        return msgspec.structs.replace(
            flown, receipt=receipt, headers=headers, http=http, checked_at=fetched.answered_at, trouble=None
        )

    def _counted(self, trip: _Trip) -> Record:
        """Return the record with everybody who has queued up by now."""
        return msgspec.structs.replace(trip.flown, waiters=self._records.queued(trip.asked.key))

    def _refused(self, trip: _Trip, fetched: Fetched, body: Path, problems: tuple[str, ...]) -> Record:
        now, asked = self._clock.now_ns(), trip.asked
        name = self._quarantine.keep(body, asked.key)
        self._recorder.tell(
            DATA_REFUSED,
            asked.pull.name,
            DataRefused(
                pull=asked.pull.name,
                key=asked.key,
                source=asked.source,
                problems=problems,
                quarantined=name,
                schema_version=asked.schema_version,
                at=now,
                upstream_calls=fetched.calls,
                upstream_bytes=fetched.received,
            ),
            who=trip.reason.who,
        )
        fix = f"look at quarantine/{name} in .steersman/services; correct the schema if the data is right"
        failures = _failures(trip.before) + 1
        trouble = Trouble(
            failures=failures,
            problem="; ".join(problems),
            fix=fix,
            family="Rejected",
            retry_at=now + int(pause_s(failures, rolled()) * 1e9),
            told=False,
        )
        return msgspec.structs.replace(self._counted(trip), trouble=trouble)

    def _failed(self, trip: _Trip, failed: NotFetched) -> Record:
        now, last = self._clock.now_ns(), failed.last
        failures = _failures(trip.before) + 1
        told = last.retry_after_s is not None
        wait_s = last.retry_after_s if last.retry_after_s is not None else pause_s(failures, rolled())
        trouble = Trouble(
            failures=failures,
            problem=last.problem,
            fix=failed.rejected.fix if failed.rejected else _fix(last.status),
            family="Rejected" if failed.rejected else "Unavailable",
            # Asking for a login costs the other side nothing, and a person may log in at any moment.
            retry_at=now if failed.rejected else now + int(wait_s * 1e9),
            told=told,
        )
        event = PullFailed(
            pull=trip.asked.pull.name,
            key=trip.asked.key,
            problem=last.problem,
            status=last.status,
            upstream_calls=failed.calls,
            served_stale=may_stand_in(trip.before.age_s(now), trip.terms),
            retry_at=trouble.retry_at,
            at=now,
        )
        self._recorder.tell(PULL_FAILED, trip.asked.pull.name, event, who=trip.reason.who)
        return msgspec.structs.replace(self._counted(trip), trouble=trouble)


class _Trip:
    """What one flight knows on its way: the record before, and as it becomes."""

    def __init__(self, asked: Asked, before: Record, flown: Record, terms: Terms, reason: Reason) -> None:
        self.asked, self.before, self.flown, self.terms, self.reason = asked, before, flown, terms, reason
        self.took_ms = 0.0


def _useless(fetched: Fetched, problem: str) -> NotFetched:
    return NotFetched(Failed(problem, again=False), calls=fetched.calls, received=fetched.received)


def _receipt(record: Record) -> Receipt:
    if record.receipt is None:  # pragma: no cover - "unchanged" is only asked for when there is something
        raise AssertionError(record.key)
    return record.receipt


def _failures(record: Record) -> int:
    return record.trouble.failures if record.trouble else 0


def _fix(status: int | None) -> str:
    return {
        400: "check the parameters and the url of the pull",
        401: "check the pull's provider, or its headers",
        403: "check what the login may read",
        404: "check the url of the pull",
        429: "write a lower rate for this provider or host into [cache.rates]",
    }.get(status or 0, _CHECK)
