"""Runs that somebody asks for in a page or a program: carried out in this process, whatever engine the desk uses."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from steersman.automation import plan_cycle
from steersman.automation.asking import check_names, check_params
from steersman.automation.engine import BaseEngine
from steersman.automation.model.cycle import requests
from steersman.automation.model.outcome import RunRequest
from steersman.bootstrap.operating import Operator, by_hand
from steersman.kernel.errors import Unavailable
from steersman.kernel.ids import uuid7

if TYPE_CHECKING:
    from steersman.bootstrap.desk import Desk

_log = logging.getLogger(__name__)
_AT_ONCE: Final = 16


class Hand:
    """Carries out in the background what was asked for; may be called from any thread."""

    def __init__(self, desk: Desk, refresh: Callable[[], None]) -> None:
        self._desk = desk
        self._refresh = refresh
        self._lock = threading.Lock()
        self._engines: list[BaseEngine] = []
        self._threads: list[threading.Thread] = []
        self._closed = False

    def run(self, name: str, *, by: str, params: dict[str, str] | None = None, anyway: bool = False) -> str:
        """Start `name` after what it needs and return the id of its run.

        Raises:
            Misconfigured: it is not declared, or has no such parameter.
            Rejected: a pause holds it back, or something it needs.
            Unavailable: too much goes on already, or the ledger does not answer.
        """
        operator = Operator(self._desk, by=by, refresh=self._refresh)
        manifest = operator.manifest
        check_names(manifest, [name])
        check_params(manifest[name], params or {})
        names = plan_cycle(manifest, [name])
        operator.refuse_if_held(name, names, anyway=anyway)
        now = self._desk.clock.now_ns()
        asked = requests(
            manifest, names, [name], cycle=str(uuid7(now)), cause="manual", at=now, params=params, anyway=anyway
        )
        self._begin(asked, by)
        return asked[-1].run_id

    def rerun(self, run_id: str, *, by: str, from_start: bool = False) -> str:
        """Repeat the cycle of a run from where it failed and return the id of the first new run.

        Raises:
            Misconfigured, Rejected: as `Operator.plan_rerun`.
            Unavailable: as in `run`.
        """
        planned = Operator(self._desk, by=by, refresh=self._refresh).plan_rerun(run_id, from_start=from_start)
        self._begin(list(planned.requests), by)
        return planned.requests[0].run_id

    def close(self) -> None:
        """End what goes on (recorded as cancelled); nothing can be asked for any more."""
        with self._lock:
            self._closed = True
            engines, threads = list(self._engines), list(self._threads)
        for engine in engines:
            engine.close()
        for thread in threads:
            thread.join()

    def _begin(self, asked: list[RunRequest], by: str) -> None:
        engine = by_hand(self._desk, by=by)
        try:
            engine.start(Operator(self._desk, by=by).manifest, schedules=False)
            with self._lock:
                if self._closed or len(self._engines) >= _AT_ONCE:
                    raise Unavailable(
                        "the desk closes"
                        if self._closed
                        else f"{_AT_ONCE} cycles that were asked for here go on already",
                        fix="wait for one of them, or use `steersman auto run` in a terminal",
                    )
                thread = threading.Thread(target=self._carry_out, args=(engine, asked), name=f"hand-{asked[-1].run_id}")
                self._engines.append(engine)
                self._threads.append(thread)
                thread.start()
        except BaseException:
            engine.close()
            raise

    def _carry_out(self, engine: BaseEngine, asked: list[RunRequest]) -> None:
        try:
            engine.run_asked(asked)
        except Exception:  # noqa: BLE001 - a thread of its own: what it does not say nobody learns
            _log.exception("what was asked for in the console broke")
        finally:
            engine.close()
            with self._lock:
                self._engines.remove(engine)
                self._threads.remove(threading.current_thread())
