"""The dbos engine: what the embedded engine does in one process, shared out among worker processes over PostgreSQL."""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from steersman.automation.adapters.dbos import database
from steersman.automation.adapters.dbos.facts import facts
from steersman.automation.adapters.dbos.follower import Follower
from steersman.automation.adapters.dbos.leader import Lead
from steersman.automation.adapters.dbos.queues import Order, Queues, carrier, ready_name
from steersman.automation.adapters.dbos.settings import DbosSettings
from steersman.automation.adapters.dbos.starts import Start, Starts
from steersman.automation.adapters.dbos.takeover import TakeOver
from steersman.automation.adapters.embedded import process
from steersman.automation.adapters.embedded.worker import Register, this_process
from steersman.automation.conductor import Interrupted
from steersman.automation.engine import BaseEngine
from steersman.automation.missed import Missed
from steersman.automation.model.cycle import scheduled_cycle
from steersman.automation.model.manifest import Automation, Manifest
from steersman.automation.model.outcome import Cause, Progress, RunOutcome, RunRequest, run_id
from steersman.automation.ports import Fact
from steersman.automation.runner.lock import FileLock
from steersman.automation.runner.process import GRACE_S
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured, Unavailable
from steersman.ledger import Ledger

_log = logging.getLogger(__name__)
_WATCH_S = 1.0
_LOOK_AGAIN_S = 5.0
_LOCK_POLL_S = 0.05
_PRUNE_EVERY = 200
_DRAIN_S = 3.0
_DRAIN_POLL_S = 0.02


class DbosEngine(BaseEngine):
    """One worker process of several; the ones that follow schedules agree on a leader, every one takes over the dead.

    What is written where: PostgreSQL remembers which runs were asked for and who has them in hand; the ledger remembers
    how far each came; `.steersman/dbos` says which workers live.
    """

    name = "dbos"
    resumes = True

    def __init__(
        self,
        *,
        root: Path,
        ledger: Ledger,
        clock: Clock,
        settings: DbosSettings,
        actor: str = "desk",
        grace_s: float = GRACE_S,
    ) -> None:
        super().__init__(root=root, ledger=ledger, clock=clock, settings=settings, actor=actor, grace_s=grace_s)
        self._dbos = settings
        self._app = database.application(settings, root)
        self._me = this_process()
        self._register = Register(self._state / "dbos")
        self._alone = FileLock(self._state / "dbos" / "reconcile.lock")
        self._follower = Follower(ledger, self._follow_up)
        self._starts = Starts(self._state / "dbos" / "starts.json")
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._queues: Queues | None = None
        self._lead: Lead | None = None
        self._watch: threading.Thread | None = None
        self._reload: Callable[[], Manifest] | None = None
        self._executing: set[str] = set()
        self._left: set[str] = set()
        self._count = itertools.count(1)

    # -- the port, and what a further worker process calls -------------------------------------------------------------

    def start(self, manifest: Manifest, *, schedules: bool = True) -> None:
        if schedules:
            where = database.address(self._dbos, self._root)
            self._starts.load()
            self._lead = Lead(where, schema=self._dbos.schema, app=self._app, name=self._me.name)
        super().start(manifest, schedules=schedules)

    def work(self, manifest: Manifest, reload: Callable[[], Manifest]) -> None:
        """Start as a further worker, which follows no schedules.

        Args:
            reload: reads the manifest anew; called when a run comes that was asked for under another one. If it raises
                Misconfigured (the file is being edited), the manifest in force stays.

        Raises:
            Unavailable: as for `start`.
        """
        self._reload = reload
        self.start(manifest, schedules=False)

    def begin(self, cause: Cause, roots: list[str], at: int, key: str = "schedule") -> None:
        if self._lead is None:
            super().begin(cause, roots, at, key)
        else:
            # Whoever waits for room does so while the starts before are queued.
            self._wake.set()
            start = Start(cause=cause, roots=tuple(roots), at=at, key=key)
            self._starts.add(start, another_leads=self._lead.is_anothers)
            self._wake.set()

    # -- what BaseEngine asks of an adapter ----------------------------------------------------------------------------

    def _version(self) -> str:
        return version("dbos")

    def _facts(self) -> Iterable[Fact]:
        return facts(self._dbos, self._root, self._app, self._register)

    def _open(self) -> None:
        where = database.address(self._dbos, self._root)
        database.connect(where, name=self._me.name).close()
        process.hold(self.name)
        self._queues = Queues(where, schema=self._dbos.schema, app=self._app, worker=self._me.name)
        # Held until `_resume` is done: two that end the same orphans at once could end its next attempt with them.
        while not self._alone.acquire(self._me.name):
            self._stopping.wait(_LOCK_POLL_S)
        self._register.enter(self._me)
        carrier.run, carrier.ready = self._execute_order, self._make_ready

    def _resume(self) -> None:
        self._follower.start()
        self._put.open(
            processes=self._settings.max_processes, concurrency=self._dbos.concurrency, poll_s=self._dbos.poll_s
        )
        takeover = TakeOver(
            self._put,
            register=self._register,
            me=self._me,
            alone=self._alone,
            reconcile=self.conductor.reconcile,
            executing=self._executing.copy,
            clock=self._clock,
        )
        takeover.requeue()
        self._alone.release()
        self._watch = threading.Thread(target=self._look_after, args=(takeover,), name="dbos-watch", daemon=True)
        self._watch.start()

    def _submit(self, request: RunRequest) -> None:
        if self.conductor.outcome(request.run_id) is not None:
            self._listeners.pop(request.run_id, None)  # it has ended: nobody will tell any more
        else:
            self._launch(request)

    def _launch(self, request: RunRequest) -> None:
        manifest = self.conductor.manifest
        waits = may_wait(manifest[request.automation])
        self._put.put(Order(request=request, manifest=manifest.digest(), waits=waits))

    def _wait(self, request: RunRequest) -> RunOutcome:
        def told() -> bool:
            if request.run_id in self._listeners:
                return self._follower.has_ended(request.run_id)
            return self.conductor.outcome(request.run_id) is not None

        while not self._follower.wait(told, for_s=_LOOK_AGAIN_S) and not self._stopping.is_set():
            if self.conductor.outcome(request.run_id) is not None:
                break  # told or not: it has ended
        return self.conductor.outcome(request.run_id) or RunOutcome(
            run_id=request.run_id,
            automation=request.automation,
            status="cancelled",
            reason="the engine closed before it could run",
        )

    def _tell(self, run_id: str, progress: Progress) -> None:
        # Everything else comes from the ledger, whichever worker it happens in.
        if progress.state == "waiting":
            super()._tell(run_id, progress)

    def _shut(self) -> None:
        self._stopping.set()
        self._wake.set()
        self._follower.stop()
        if self._watch is not None:
            self._watch.join()
        if self._lead is not None:
            self._lead.release()
        if self._queues is not None:
            self._drain(self._queues)
            self._queues.close()
            self._queues = None
            carrier.run = carrier.ready = None
            process.let_go()
            # Last: whoever is not in the register has its runs taken over.
            self._register.leave(self._me)
        self._alone.release()

    def _drain(self, queues: Queues) -> None:
        """Wait, shortly, for the threads of runs to end and for DBOS to write down what they brought."""
        give_up = self._clock.elapsed_ns() + int(_DRAIN_S * 1e9)
        pause = threading.Event()
        with contextlib.suppress(Unavailable):
            while self._clock.elapsed_ns() < give_up:
                mine = {name for name, worker in queues.pending().items() if worker == self._me.name}
                if not self._executing and mine <= self._left:
                    return
                pause.wait(_DRAIN_POLL_S)

    # -- what DBOS calls, in a thread per run --------------------------------------------------------------------------

    def _execute_order(self, order: Order) -> RunOutcome:
        """Carry out one run, and now and then forget old ones."""
        with self._known(order.request.run_id):
            self._keep_up(order)
            outcome = self.execute(order.request)
        if next(self._count) % _PRUNE_EVERY == 0:
            with contextlib.suppress(Unavailable):
                self._put.prune()
        return outcome

    def _make_ready(self, order: Order) -> None:
        """Queue a run once everything it needs has ended, or can no longer end."""
        with self._known(ready_name(order)), self.conductor.waiting(order.request):
            self._await_needs(order)
            while not self._queued(order):
                if self._stopping.wait(_WATCH_S):
                    raise Interrupted

    def _await_needs(self, order: Order) -> None:
        needs = list(order.request.needs.values())

        def may_go() -> bool:
            # One that was asked to end goes to the conductor too, which records that.
            return not self._open_needs(needs) or self.conductor.is_cancelled(order.request)

        while not self._follower.wait(may_go, for_s=_LOOK_AGAIN_S):
            if self._stopping.is_set() or self.conductor.closing.is_set:
                raise Interrupted
            if self._lost(self._open_needs(needs)):
                return

    @contextlib.contextmanager
    def _known(self, name: str) -> Iterator[None]:
        """Keep `name` among what this process has in hand."""
        self._executing.add(name)
        try:
            yield
        except Interrupted:
            self._left.add(name)
            raise
        finally:
            self._executing.discard(name)

    def _open_needs(self, needs: Iterable[str]) -> list[str]:
        return [run_id for run_id in needs if self.conductor.outcome(run_id) is None]

    def _lost(self, needs: list[str]) -> bool:
        """Say whether DBOS no longer knows one of the needs that have not ended."""
        try:
            unfinished = self._put.unfinished(needs)
        except Unavailable:
            return False
        return any(run_id not in unfinished for run_id in self._open_needs(needs))

    def _queued(self, order: Order) -> bool:
        try:
            self._put.put_ready(order)
        except Unavailable:
            return False
        return True

    def _keep_up(self, order: Order) -> None:
        """Read the manifest anew when a run was asked for under another one."""
        if self._reload is not None and order.manifest != self.conductor.manifest.digest():
            with contextlib.suppress(Misconfigured):
                self.conductor.manifest = self._reload()

    # -- the watch -----------------------------------------------------------------------------------------------------

    def _look_after(self, takeover: TakeOver) -> None:
        """Queue the starts that are due if we lead, and take over from the dead, until the engine closes."""
        while not self._stopping.is_set():
            try:
                self._look(takeover)
            except Unavailable:
                pass  # the status says so; what is due is kept, and queued when the server is back
            except Exception:  # noqa: BLE001 - a worker's outermost loop: the schedules must outlive a bug
                _log.exception("the watch of the dbos engine failed; it looks again")
            self._wake.wait(_WATCH_S)
            self._wake.clear()

    def _look(self, takeover: TakeOver) -> None:
        if self._lead is not None and self._lead.claim():
            now = self._clock.now_ns()
            self._starts.hand_to(self._begin, self.conductor.manifest, now, drop=self._say_missed)
        takeover.look()

    def _begin(self, start: Start) -> None:
        super().begin(start.cause, list(start.roots), start.at, start.key)

    def _say_missed(self, dropped: Mapping[str, Sequence[int]]) -> None:
        """Record starts that waited for the server in vain, unless a leader before queued them."""
        for name, starts in dropped.items():
            ids = {run_id(name, at, scheduled_cycle(at)): at for at in starts}
            open_ids = [each for each in ids if self.conductor.outcome(each) is None]
            queued = self._put.unfinished(open_ids) if open_ids else ()
            lost = [ids[each] for each in open_ids if each not in queued]
            if lost:
                missed = Missed(automation=name, count=len(lost), first=min(lost), last=max(lost))
                self.conductor.recorder.missed(missed, "the engine's database was away then")

    def _follow_up(self, progress: Progress) -> None:
        """Tell whoever listens what the ledger says of a run."""
        super()._tell(progress.run_id, progress)

    @property
    def _put(self) -> Queues:
        assert self._queues is not None  # noqa: S101 - `start` comes first
        return self._queues


def may_wait(automation: Automation) -> bool:
    """Say whether a run may wait, without a process, for more than its needs: window, person, tokens, its moment."""
    return bool(automation.approve or automation.resources or automation.jitter_s or automation.outside == "wait")


def create(*, root: Path, ledger: Ledger, clock: Clock, settings: DbosSettings, actor: str = "desk") -> DbosEngine:
    """Return an engine for the workspace at `root` that appends to `ledger` as `actor`."""
    return DbosEngine(root=root, ledger=ledger, clock=clock, settings=settings, actor=actor)
