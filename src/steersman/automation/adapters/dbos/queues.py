"""What stands in PostgreSQL: two queues of durable workflows, and the way in and out of them.

`runs` holds what can start at once; a worker takes as many as it has processes free, so that work spreads. `waits`
holds what has to wait first (for needs that still run, for approval, for tokens): waiting takes no process, so a worker
takes all of it. A run that waited for its needs moves on to `runs`; the others wait where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from dbos import DBOS, DBOSClient, DBOSConfig
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from steersman.automation.adapters.dbos.database import CONNECT_S, unavailable
from steersman.automation.model.outcome import RunRequest

# Part of what DBOS resumes by: raise it only when `Order` changes, for runs of the old kind stay behind.
VERSION: Final = "automation-1"
RUN: Final = "steersman.automation.queued_run"
READY: Final = "steersman.automation.ready_run"
KEEP_FINISHED: Final = 500
FINISHED: Final = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
_POOL: Final = 5
_PRUNED_AT_ONCE: Final = 1000


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it stands in the queue.

    Attributes:
        manifest: digest of the manifest it was asked for under.
        waits: whether it waits for more than its needs: approval, tokens.
    """

    request: RunRequest
    manifest: str
    waits: bool


def ready_name(order: Order) -> str:
    """Return what the wait for a run's needs is called in the queues; the run itself by its run id."""
    return f"{order.request.run_id}.ready"


class Carrier:
    """Who carries out what DBOS hands to this process; set while an engine serves."""

    run: Callable[[Order], object] | None = None
    ready: Callable[[Order], None] | None = None


carrier = Carrier()


# Without a limit of recoveries: a run that waits for an approval may see any number of restarts.
@DBOS.workflow(name=RUN, max_recovery_attempts=None)
def _run(order: str) -> str:
    """Carry out one run; called again, by whichever worker, for a run that a crash cut short."""
    assert carrier.run is not None  # noqa: S101 - DBOS is only launched while an engine serves
    return msgspec.json.encode(carrier.run(msgspec.json.decode(order, type=Order))).decode()


@DBOS.workflow(name=READY, max_recovery_attempts=None)
def _ready(order: str) -> None:
    """Wait until what a run needs has ended, then queue the run itself."""
    assert carrier.ready is not None  # noqa: S101 - DBOS is only launched while an engine serves
    carrier.ready(msgspec.json.decode(order, type=Order))


class Queues:
    """The queues of one application, as this process sees them. May be called from any thread."""

    def __init__(self, where: str, *, schema: str, app: str, worker: str) -> None:
        self._where = where
        self._schema = schema
        self._app = app
        self._worker = worker
        self._runs, self._waits = f"{app}.runs", f"{app}.waits"
        # Raises when the server is away, where DBOS itself would wait without limit: somebody waits for the answer.
        self._client: DBOSClient | None = None

    def open(self, *, processes: int, concurrency: int | None, poll_s: float) -> None:
        """Launch DBOS in this process as a worker: `processes` runs at once here, `concurrency` over all workers.

        Raises:
            Unavailable: the server does not answer, or does not let us make our tables.
        """
        config: DBOSConfig = {
            "name": self._app,
            "system_database_url": self._where,
            "dbos_system_schema": self._schema,
            "application_version": VERSION,
            "executor_id": self._worker,
            "sys_db_pool_size": _POOL,
            "db_engine_kwargs": {"connect_args": {"application_name": self._worker, "connect_timeout": CONNECT_S}},
            # Nothing here waits for messages: no listening connection, no thread that wakes a hundred times a second.
            "use_listen_notify": False,
            # Closing waits for the thread that looks for them instead.
            "notification_listener_polling_interval_sec": 0.1,
            "enable_otlp": False,
            "log_level": "CRITICAL",
        }
        with _Answered(self._where):
            DBOS(config=config)
            DBOS.launch()
            DBOS.register_queue(
                self._runs,
                worker_concurrency=processes if concurrency is None else min(processes, concurrency),
                global_concurrency=concurrency,
                polling_interval_sec=poll_s,
                on_conflict="always_update",
            )
            DBOS.register_queue(self._waits, polling_interval_sec=poll_s, on_conflict="always_update")
        self._client = DBOSClient(
            system_database_url=self._where,
            dbos_system_schema=self._schema,
            application_name=self._app,
            system_database_pool_size=2,
            retry_connection_errors=False,
            lazy=True,
        )

    def put(self, order: Order) -> None:
        """Queue a run, unless it stands there already: to wait first if it needs others or waits for more.

        Raises:
            Unavailable: the server does not answer; nothing was queued.
        """
        if order.request.needs:
            self._enqueue(READY, self._waits, ready_name(order), order)
        else:
            self.put_ready(order)

    def put_ready(self, order: Order) -> None:
        """Queue a run whose needs have ended.

        Raises:
            Unavailable: as in `put`.
        """
        self._enqueue(RUN, self._waits if order.waits else self._runs, order.request.run_id, order)

    def unfinished(self, run_ids: Iterable[str]) -> set[str]:
        """Return which of the runs DBOS still has before it.

        Raises:
            Unavailable: the server does not answer.
        """
        ids = [name for run_id in run_ids for name in (run_id, f"{run_id}.ready")]
        with _Answered(self._where):
            found = self._asked.list_workflows(workflow_ids=ids, load_input=False, load_output=False)
        return {w.workflow_id.removesuffix(".ready") for w in found if w.status not in FINISHED}

    def pending(self) -> dict[str, str]:
        """Return what is in hand, by name (`run_id`, `run_id.ready`), and who has it: executor ids, dead ones too.

        Raises:
            Unavailable: the server does not answer.
        """
        with _Answered(self._where):
            found = self._asked.list_workflows(status="PENDING", load_input=False, load_output=False)
        return {w.workflow_id: w.executor_id for w in found if w.executor_id}

    def again(self, name: str) -> None:
        """Queue anew one that is in hand here, by its name, and does not run.

        Raises:
            Unavailable: the server does not answer.
        """
        with _Answered(self._where):
            self._asked.resume_workflow(name, queue_name=self._waits)

    def take_over(self, workers: Iterable[str]) -> int:
        """Queue anew what dead workers had in hand, and return how many runs that were."""
        return len(DBOS._recover_pending_workflows(list(workers)))

    def prune(self) -> int:
        """Forget all but the latest finished runs (the ledger keeps them), and return how many went.

        Raises:
            Unavailable: the server does not answer.
        """
        with _Answered(self._where):
            old = self._asked.list_workflows(
                status=FINISHED,
                sort_desc=True,
                offset=KEEP_FINISHED,
                limit=_PRUNED_AT_ONCE,
                load_input=False,
                load_output=False,
            )
            if old:
                self._asked.delete_workflows([w.workflow_id for w in old])
        return len(old)

    def close(self) -> None:
        """Let go of the server; what is queued or in hand stays there. A second call does nothing."""
        DBOS.destroy()
        if self._client is not None:
            self._client.destroy()
            self._client = None

    @property
    def _asked(self) -> DBOSClient:
        assert self._client is not None  # noqa: S101 - `open` comes first
        return self._client

    def _enqueue(self, workflow: str, queue: str, name: str, order: Order) -> None:
        with _Answered(self._where):
            self._asked.enqueue(
                {"workflow_name": workflow, "queue_name": queue, "workflow_id": name, "app_version": VERSION},
                msgspec.json.encode(order).decode(),
            )


class _Answered:
    """Says in our words that the server did not answer."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (DBAPIError, PoolTimeout)):
            cause = error.orig if isinstance(error, DBAPIError) else error
            raise unavailable(self._where, cause if isinstance(cause, Exception) else error) from error
