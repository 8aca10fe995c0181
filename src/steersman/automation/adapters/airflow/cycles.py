"""Cycles asked for by hand: one DAG, carried out by `airflow dags test`, watched in the ledger."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from steersman.automation.adapters.airflow.dags import cycle_dag
from steersman.automation.adapters.airflow.installation import Installation, private_environment
from steersman.automation.adapters.airflow.render import Target, cycle_text
from steersman.automation.conductor import Conductor
from steersman.automation.model.outcome import Cause, Progress, RunOutcome, RunRequest
from steersman.automation.ports import OnProgress
from steersman.automation.runner.process import GRACE_S, ProcessResult, ProcessSpec, run_process
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Unavailable

KEPT: Final = 10
_LONGEST_S: Final = 30 * 86_400.0
_LOOK_S: Final = 0.2
# `auto exec` gives its script a grace of its own, then records the end.
_GRACE_S: Final = 2 * GRACE_S + 5.0
_DAG: Final = "cycle"
_CLOSED: Final = "closed"
_UNLESS: Final = '[ ! -e "$0" ] || exit 99; exec "$@"'


class Cycle(msgspec.Struct, frozen=True, kw_only=True):
    """One cycle that was asked for."""

    name: str
    at: int
    cause: Cause
    roots: tuple[str, ...]
    requests: tuple[RunRequest, ...]
    params: dict[str, str] = {}
    anyway: bool = False


class Cycles:
    """Carries cycles out, several at once, each in a folder with a database of its own."""

    def __init__(
        self,
        *,
        installation: Installation,
        conductor: Conductor,
        target: Target,
        root: Path,
        folder: Path,
        clock: Clock,
    ) -> None:
        self._installation = installation
        self._conductor = conductor
        self._target = target
        self._root = root
        self._folder = folder
        self._clock = clock
        self._closing = conductor.closing
        self._running: set[threading.Thread] = set()

    def run(self, cycle: Cycle, on_progress: OnProgress | None) -> dict[str, RunOutcome]:
        """Carry `cycle` out, wait, and return how each run ended.

        Raises:
            Unavailable: Airflow carried nothing of it out; says what it said.
        """
        done: list[ProcessResult | BaseException] = []
        home = self._folder / cycle.name.replace("/", "-")
        thread = threading.Thread(target=self._carry_out, args=(cycle, home, done), name=home.name, daemon=True)
        self._running.add(thread)
        thread.start()
        told = _Told(self._conductor, cycle, on_progress)
        while thread.is_alive():
            thread.join(_LOOK_S)
            told.tell()
        self._running.discard(thread)
        try:
            return self._outcomes(cycle, home, done[0])
        finally:
            told.tell()
            self._tidy(home)

    def begin(self, cycle: Cycle, on_failure: Callable[[str], None]) -> None:
        """Carry `cycle` out without anybody waiting; `on_failure` is told why nothing of it was."""

        def work() -> None:
            try:
                self.run(cycle, None)
            except Unavailable as exc:
                on_failure(exc.message)

        threading.Thread(target=work, name=f"begin {cycle.name}", daemon=True).start()

    def refuse(self) -> None:
        """Let no further task start: Airflow takes SIGTERM for the failure of one task, and goes on to the next."""
        for thread in list(self._running):
            with suppress(OSError):
                (self._folder / thread.name / _CLOSED).touch()

    def close(self, wait_s: float) -> None:
        """Wait for the end of what runs, once the conductor was stopped: each run is recorded as cancelled."""
        for thread in list(self._running):
            thread.join(wait_s)

    def _carry_out(self, cycle: Cycle, home: Path, done: list[ProcessResult | BaseException]) -> None:
        try:
            self._installation.prepare(home)
            (home / "dags").mkdir()
            (home / "dags" / "cycle.py").write_text(self._text(cycle, home), encoding="utf-8")
            done.append(run_process(self._spec(cycle, home), self._clock, lambda _: None))
        except (Unavailable, OSError) as exc:
            done.append(exc)

    def _text(self, cycle: Cycle, home: Path) -> str:
        manifest = self._conductor.manifest
        dag = cycle_dag(manifest, [r.automation for r in cycle.requests], list(cycle.roots), _DAG)
        params = tuple(word for name, value in cycle.params.items() for word in ("--param", f"{name}={value}"))
        anyway = ("--anyway",) if cycle.anyway else ()
        more = {name: (params if name in cycle.roots else ()) + anyway for name in dag.members}
        unless_closed = ("sh", "-c", _UNLESS, str(home / _CLOSED), *self._target.command)
        return cycle_text(
            dag,
            msgspec.structs.replace(self._target, command=unless_closed),
            manifest.digest(),
            at=cycle.at,
            cycle=cycle.name,
            cause=cycle.cause,
            more=more,
        )

    def _spec(self, cycle: Cycle, home: Path) -> ProcessSpec:
        return ProcessSpec(
            run_id=f"airflow-{cycle.name}",
            arguments=self._installation.command("dags", "test", _DAG),
            cwd=self._root,
            env=private_environment(home, home / "dags"),
            timeout_s=_LONGEST_S,
            log=home / "airflow.log",
            log_limit_bytes=1 << 20,
            stop_fd=self._closing.fd,
            cancel_file=home / "cancel",
            grace_s=_GRACE_S,
            max_processes=1 << 20,
            outlive_s=0.0,
        )

    def _outcomes(self, cycle: Cycle, home: Path, done: ProcessResult | BaseException) -> dict[str, RunOutcome]:
        if isinstance(done, BaseException):
            raise done if isinstance(done, Unavailable) else Unavailable(f"Airflow: {done}", fix="see above") from done
        self._conductor.reconcile()
        found = {r.automation: self._conductor.recorder.final(r.run_id) for r in cycle.requests}
        if not self._closing.is_set and not any(found.values()) and found:
            raise Unavailable(
                f"`airflow dags test` started nothing: {_last_line(done)}", fix=f"see {home / 'airflow.log'}"
            )
        return {r.automation: found[r.automation] or self._not_run(r, done) for r in cycle.requests}

    def _not_run(self, request: RunRequest, done: ProcessResult) -> RunOutcome:
        if self._closing.is_set:
            return RunOutcome(
                run_id=request.run_id,
                automation=request.automation,
                status="cancelled",
                reason="the engine closed before it could run",
            )
        return self._conductor.recorder.skipped(request, f"Airflow did not start it: {_last_line(done)}")

    def _tidy(self, home: Path) -> None:
        """Keep the log of the latest cycles and nothing else of them."""
        if home.is_dir():
            for path in home.iterdir():
                if path.name not in ("airflow.log", "dags"):
                    with suppress(OSError):
                        shutil.rmtree(path) if path.is_dir() else path.unlink()
        logs = sorted(self._folder.glob("*/"), key=lambda p: p.stat().st_mtime_ns)
        for old in logs[:-KEPT]:
            if not any(t.name == old.name for t in self._running):
                shutil.rmtree(old, ignore_errors=True)


class _Told:
    """What the one who waits has been told; read from the ledger, for the runs are in other processes."""

    def __init__(self, conductor: Conductor, cycle: Cycle, on_progress: OnProgress | None) -> None:
        self._recorder = conductor.recorder
        self._on_progress = on_progress
        self._waiting = {request.run_id: (request, 0) for request in cycle.requests}

    def tell(self) -> None:
        if self._on_progress is None:
            return
        for run_id, (request, attempt) in list(self._waiting.items()):
            for step in self._steps(request, attempt):
                self._on_progress(step)
                self._waiting[run_id] = (request, max(attempt, step.attempt))
                if step.outcome is not None:
                    del self._waiting[run_id]

    def _steps(self, request: RunRequest, attempt: int) -> Iterator[Progress]:
        """Yield what has happened to a run since its attempt number `attempt` was told."""
        run_id, name = request.run_id, request.automation
        while self._recorder.was_started(run_id, attempt + 1) is not None:
            if attempt and (before := self._recorder.was_finished(run_id, attempt)) is not None:
                note = before.error or before.status
                yield Progress(run_id=run_id, automation=name, state="retrying", attempt=attempt, note=note)
            attempt += 1
            yield Progress(run_id=run_id, automation=name, state="started", attempt=attempt)
        if (outcome := self._recorder.final(run_id)) is not None:
            yield Progress(
                run_id=run_id,
                automation=name,
                state="skipped" if outcome.status == "skipped" else "finished",
                attempt=outcome.attempts,
                note=outcome.reason,
                outcome=outcome,
            )


def _last_line(done: ProcessResult) -> str:
    lines = [line for line in done.tail.decode("utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1][-300:] if lines else f"it ended with {done.exit_code} and said nothing"
