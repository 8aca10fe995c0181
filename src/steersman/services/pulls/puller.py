"""The pulls: who asks is served from what is there, waits for the one flight there is, or makes it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from steersman.kernel.clock import Clock, utc
from steersman.kernel.errors import Rejected, Unavailable
from steersman.ledger import Ledger
from steersman.services.commons import Commons, SharedSettings
from steersman.services.disk import usable
from steersman.services.ports import Credentials, Pulled, PullState, PullStatus
from steersman.services.pulls.asking import Asked, resolve
from steersman.services.pulls.fetching import Fetching
from steersman.services.pulls.flight import Flights, Reason
from steersman.services.pulls.frames import MEMORY, Frames
from steersman.services.pulls.freshness import Step, Terms, decide, may_stand_in
from steersman.services.pulls.locks import FileLocks, Held
from steersman.services.pulls.machines import CommonsAway, Machines
from steersman.services.pulls.model import AD_HOC, Pull
from steersman.services.pulls.quarantine import Quarantine
from steersman.services.pulls.rates import Rates
from steersman.services.pulls.recording import Recorder
from steersman.services.pulls.records import Record, Records, Trouble
from steersman.services.pulls.settings import PullSettings
from steersman.services.pulls.sharing import Sharing, Turn
from steersman.services.pulls.standing import Standing

_CHECKING_S: Final = 130.0
_FORGET_EVERY_NS: Final = 86_400 * 1_000_000_000
_MOST_BEHIND: Final = 16


class Puller:
    """The port `Pulls`, on files and locks: any number of threads and processes of one workspace may have one each."""

    def __init__(
        self,
        root: Path,
        state: Path,
        settings: PullSettings,
        credentials: Credentials,
        ledger: Ledger,
        clock: Clock,
        *,
        commons: Commons | None = None,
        shared: SharedSettings | None = None,
        memory: Path | None = MEMORY,
    ) -> None:
        """See `create`; `memory` is where the frames' folder is made, None: never in memory."""
        home = state / "pulls"
        self._settings, self._clock = settings, clock
        self._locks = FileLocks(home / "locks")
        self._records = Records(home / "keys")
        self._frames = Frames(state, settings.cache, self._locks, clock, memory=memory)
        self._recorder = Recorder(ledger, clock)
        machines = Machines(commons, shared, self._recorder, clock) if commons and shared else None
        self._sharing = Sharing(machines, self._frames, self._recorder, clock)
        rates = Rates(home / "rates", self._locks, machines)
        self._fetching = Fetching(root, home, credentials, rates, clock)
        quarantine = Quarantine(state / "quarantine", clock)
        self._flights = Flights(self._records, self._frames, quarantine, self._fetching, self._recorder, clock)
        self._standing = Standing(settings, self._records, self._frames, self._recorder, ledger, machines)
        self._behind: set[threading.Thread] = set()
        self._guard = threading.Lock()
        self._is_closed = False
        self._forgot_at = clock.elapsed_ns()

    def pull(
        self,
        what: str,
        *,
        params: Mapping[str, str] | None = None,
        max_age_s: float | None = None,
        who: str,
        run_id: str = "",
    ) -> Pulled:
        """See `Pulls.pull`. One that is stale but within policy is refreshed behind the answer, by a thread that
        `close` (and the end of the process) waits for."""
        asked = resolve(what, params or {}, self._settings)
        ask = _Ask(asked, max_age_s, who, run_id, self._clock.now_ns())
        with usable():
            return self._pull(ask)

    def _pull(self, ask: _Ask) -> Pulled:
        asked = ask.asked
        record = self._standing_record(asked)
        step = self._step(ask, record)
        if step == "stale" and not self._must_wait(ask, record):
            self._refresh_behind(ask)
        if step in ("fresh", "stale", "stale_on_error"):
            return self._serve(ask, record, step)
        if step == "refuse" and record.trouble:
            raise _as_error(ask, record.trouble)
        return self._fly_or_wait(ask, record)

    def status(self) -> list[PullStatus]:
        """See `Pulls.status`."""
        return self._standing.all()

    def close(self) -> None:
        """Wait for refreshes behind, tell what was counted, close connections. A second call does nothing."""
        with self._guard:
            self._is_closed, behind = True, list(self._behind)
        # First: whoever loses patience with a refresh, and kills this process, loses no count.
        self._recorder.flush()
        for thread in behind:
            thread.join()
        self._recorder.close()
        self._fetching.close()
        with contextlib.suppress(OSError):
            self._forget()

    def _forget(self) -> None:
        """Let go of what nobody has asked for in a long time: a desk that runs for months must not fill the disk."""
        self._forgot_at, now = self._clock.elapsed_ns(), self._clock.now_ns()
        for key in filter(lambda key: self._records.is_old(key, now), self._records.keys()):
            held = self._locks.take(key)
            if held is None:
                continue
            with held:
                old = self._records.is_old(key, now)
                if old:
                    self._records.remove(key)
            if old:
                self._locks.forget(key)

    def _standing_record(self, asked: Asked) -> Record:
        """Return what is remembered, with a file that is whole, or without one."""
        record = self._records.load(asked.key) or Record(key=asked.key, pull=asked.pull.name, source=asked.source)
        if not record.path:
            return record
        problem, now = self._frames.check(record)
        if not problem and now == record.stamp:
            return record
        with self._hold(asked):
            # Somebody may have noticed, and pulled again, since.
            record = self._records.load(asked.key) or record
            problem, now = self._frames.check(record) if record.path else ("", record.stamp)
            if problem:
                return self._flights.lost(record, problem)
            if now != record.stamp:
                record = msgspec.structs.replace(record, stamp=now)
                with contextlib.suppress(OSError):  # a full disk costs the next one this look, not the data
                    self._records.store(record)
            return record

    def _step(self, ask: _Ask, record: Record) -> Step:
        age_s = record.age_s(self._clock.now_ns())
        return decide(age_s, ask.terms(record), must_wait=self._must_wait(ask, record))

    def _must_wait(self, ask: _Ask, record: Record) -> bool:
        """Say whether upstream is left alone for now, also behind an answer."""
        trouble = record.trouble
        # Who wants it new in any case may ask although we are pausing, but not although upstream told us to wait.
        may_ask = trouble is None or (ask.max_age_s == 0 and not trouble.told)
        return trouble is not None and not may_ask and trouble.holds(self._clock.now_ns())

    def _serve(self, ask: _Ask, record: Record, state: PullState) -> Pulled:
        given = self._given(record, state)
        self._frames.used(record.path)
        self._recorder.served(given, who=ask.who, run_id=ask.run_id)
        return given

    def _given(self, record: Record, state: PullState) -> Pulled:
        if record.receipt is None:
            raise Unavailable(f"{record.key} lost its receipt", fix="ask again")
        return Pulled(
            key=record.key,
            pull=record.pull,
            path=record.path,
            frame=record.frame,
            state=state,
            age_s=max(0.0, record.age_s(self._clock.now_ns()) or 0.0),
            receipt=record.receipt,
        )

    def _fly_or_wait(self, ask: _Ask, seen: Record) -> Pulled:
        """Make the flight, or wait for the one that is under way and take its answer, whatever it is."""
        held: Held | None = self._locks.take(ask.asked.key)
        if held is None:
            self._records.queue(ask.asked.key)
            held = self._hold(ask.asked)
        with held:
            record = self._records.load(seen.key) or seen
            # Who wants it new in any case is answered by a flight that began after the question, not by any that ended.
            # Both, for a clock that was set back makes an old flight look as if it were still to come.
            landed = record.flight != seen.flight and (ask.max_age_s != 0 or record.flight_began_at > ask.asked_at)
            if landed and (record.path or record.trouble):
                return self._answer(ask, record)
            if self._clock.elapsed_ns() - self._forgot_at > _FORGET_EVERY_NS:
                self._forget()
            try:
                return self._turned(ask, record)
            except CommonsAway:
                if not may_stand_in(record.age_s(self._clock.now_ns()), ask.terms(record)):
                    raise
                return self._serve(ask, record, "stale_on_error")

    def _turned(self, ask: _Ask, seen: Record) -> Pulled:
        """Make the flight when it is this machine's turn, unless another machine has made it meanwhile."""
        longest_s = _longest_s(ask.asked.pull)
        with self._sharing.turn(ask.asked, wait_s=longest_s) as turn:
            if turn is None:
                raise _hangs(ask.asked.pull, longest_s, "on another machine")
            record = self._newer(turn, ask, seen)
            if record is not seen and (given := self._settled(ask, record)):
                return given
            record, unchanged = self._flights.fly(ask.asked, record, ask.terms(record), ask.reason(record))
            record = self._told(turn, ask, record)
        if record.trouble:
            return self._answer(ask, record)
        self._frames.used(record.path)
        return self._given(record, "revalidated" if unchanged else "pulled")

    def _newer(self, turn: Turn, ask: _Ask, seen: Record) -> Record:
        """Return what any machine knows of the key, remembered here too; `seen` itself if nobody knows more."""
        record = turn.newer(seen, who=ask.who, run_id=ask.run_id)
        if record is not seen:
            with contextlib.suppress(OSError):  # a full disk costs another look, not the data
                self._records.store(record)
        return record

    def _told(self, turn: Turn, ask: _Ask, record: Record) -> Record:
        told = turn.tell(record, ask.terms(record))
        if told is not record:
            with contextlib.suppress(OSError):  # as above
                self._records.store(told)
        return told

    def _settled(self, ask: _Ask, record: Record) -> Pulled | None:
        """Return what another machine's flight means for `ask`; None if upstream must be asked all the same."""
        if ask.max_age_s == 0:
            return self._answer(ask, record) if record.flight_began_at > ask.asked_at else None
        step = self._step(ask, record)
        if step == "ask":
            return None
        if step != "refuse":
            return self._serve(ask, record, step)
        return self._answer(ask, record)

    def _answer(self, ask: _Ask, record: Record) -> Pulled:
        """Return what a flight that has ended means for `ask`."""
        if record.trouble is None:
            return self._serve(ask, record, "fresh")
        if may_stand_in(record.age_s(self._clock.now_ns()), ask.terms(record)):
            return self._serve(ask, record, "stale_on_error")
        raise _as_error(ask, record.trouble)

    def _hold(self, asked: Asked) -> Held:
        longest_s = _longest_s(asked.pull)
        held = self._locks.take(asked.key, wait_s=longest_s)
        if held is None:
            raise _hangs(asked.pull, longest_s, "here")
        return held

    def _refresh_behind(self, ask: _Ask) -> None:
        """Refresh in a thread, if nobody in any process does so already."""
        with self._guard:
            if self._is_closed or len(self._behind) >= _MOST_BEHIND:
                return
            held = self._locks.take(ask.asked.key)
            if held is None:
                return
            # Not a daemon: a process that ends soon waits for the answer it has asked for.
            thread = threading.Thread(target=self._refresh, args=(ask, held), name=f"refresh {ask.asked.key}")
            self._behind.add(thread)
        thread.start()

    def _refresh(self, ask: _Ask, held: Held) -> None:
        try:
            with held:
                record = self._records.load(ask.asked.key)
                # Somebody may have asked since, with or without luck.
                if record is not None and self._is_wanted(ask, record):
                    self._refreshed(ask, record)
        finally:
            with self._guard:
                self._behind.discard(threading.current_thread())

    def _is_wanted(self, ask: _Ask, record: Record) -> bool:
        return self._step(ask, record) in ("stale", "ask") and not self._must_wait(ask, record)

    def _refreshed(self, ask: _Ask, seen: Record) -> None:
        # Nobody waits for it: where another machine has the turn, what that one brings is found the next time.
        with contextlib.suppress(CommonsAway), self._sharing.turn(ask.asked, wait_s=0) as turn:
            if turn is None:
                return
            record = self._newer(turn, ask, seen)
            if record is seen or self._is_wanted(ask, record):
                terms = ask.terms(record)
                record, _ = self._flights.fly(ask.asked, record, terms, ask.reason(record, behind=True))
                self._told(turn, ask, record)


class _Ask:
    """One call of `pull`."""

    def __init__(self, asked: Asked, max_age_s: float | None, who: str, run_id: str, asked_at: int) -> None:
        self.asked, self.max_age_s, self.who, self.run_id, self.asked_at = asked, max_age_s, who, run_id, asked_at

    def terms(self, record: Record) -> Terms:
        """Return how long the data of `record` is good: as declared, or as its own headers say (`http_cache`)."""
        pull: Pull = self.asked.pull
        http = record.http
        if http is None or not pull.http_cache:
            http_ttl, keep, stale = pull.ttl_s, True, True
        else:
            http_ttl = pull.ttl_s if http.lifetime_s is None else http.lifetime_s
            keep, stale = http.may_store, http.may_be_stale
        return Terms(
            ttl_s=http_ttl if keep else 0.0,
            stale_while_revalidate_s=pull.stale_while_revalidate_s if keep and stale else 0.0,
            stale_if_error_s=pull.stale_if_error_s if keep and stale else 0.0,
            max_age_s=self.max_age_s,
        )

    def reason(self, record: Record, *, behind: bool = False) -> Reason:
        """Return why upstream is asked."""
        why = "revalidate" if behind else "expired" if record.path else "cold"
        if self.max_age_s == 0:
            why = "forced"
        elif self.asked.pull.name == AD_HOC and not record.path:
            why = "ad_hoc"
        return Reason(why=why, who=self.who, run_id=self.run_id)


def _longest_s(pull: Pull) -> float:
    """Return how long a flight may take before whoever waits for it gives up."""
    return (pull.timeout_s * 2 + 15.0) * (pull.retries + 1) + _CHECKING_S


def _hangs(pull: Pull, longest_s: float, where: str) -> Unavailable:
    return Unavailable(
        f"pull {pull.name}: somebody {where} has been asking for {longest_s:.0f} s and does not come back",
        fix="end the process that hangs; `steersman pull --status` names the pull",
    )


def _as_error(ask: _Ask, trouble: Trouble) -> Rejected | Unavailable:
    name = ask.asked.pull.name
    if trouble.family == "Rejected":
        return Rejected(f"pull {name}: {trouble.problem}", fix=trouble.fix)
    again = f"{utc(trouble.retry_at):%H:%M:%S} UTC"
    return Unavailable(f"pull {name}: {ask.asked.source}: {trouble.problem}; asked again from {again}", fix=trouble.fix)
