"""Forms and API by which automations are operated: run, pause, resume, cancel, rerun."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import quote

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from steersman.automation.control.pauses import EVERYTHING
from steersman.automation.queries import find_run
from steersman.console.act_api import ActApi
from steersman.console.act_pages import Rooms, act, confirmed
from steersman.console.acts import PERSON
from steersman.console.auto_acts import AutoActs, Started
from steersman.console.forms import Fields

ALL: Final = "/automations"
_PARAM: Final = "param."


class PauseBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`until` a time of day, a day or a time in the desk's zone; or `span`, e.g. 2h; neither: until resumed."""

    until: str = ""
    span: str = ""
    reason: str = ""


class ReasonBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    reason: str = ""


class RunBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters, and whether it runs outside its window, on blackout days and while it is paused, too."""

    params: dict[str, str] = {}
    anyway: bool = False


class RerunBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With `from_start`, what has succeeded is repeated too."""

    from_start: bool = False


def add_auto_act_pages(app: FastAPI, rooms: Rooms, acts: AutoActs) -> None:
    """Add the forms; each leads on to the page that shows what became of it."""
    _add_pauses(app, rooms, acts)
    _add_runs(app, rooms, acts)


def _add_pauses(app: FastAPI, rooms: Rooms, acts: AutoActs) -> None:
    @app.post("/automations/pause")
    def pause(request: Request, form: Fields) -> Response:
        name = form.get("name", "")

        def work() -> None:
            if name == EVERYTHING:
                confirmed(form)
            acts.pause(
                name, until=form.get("until", ""), span=form.get("span", ""), reason=form.get("reason", ""), by=PERSON
            )

        return act(rooms, request, work, _page(name))

    @app.post("/automations/resume")
    def resume(request: Request, form: Fields) -> Response:
        name, reason = form.get("name", ""), form.get("reason", "")
        return act(rooms, request, lambda: acts.resume(name, reason=reason, by=PERSON), _page(name))


def _add_runs(app: FastAPI, rooms: Rooms, acts: AutoActs) -> None:
    @app.post("/automations/{name}/run")
    def run(request: Request, name: str, form: Fields) -> Response:
        def work() -> Started:
            confirmed(form)
            params = {k.removeprefix(_PARAM): text for k, text in form.items() if k.startswith(_PARAM) and text}
            return acts.run(name, params=params, anyway=form.get("anyway", "") == "yes", by=PERSON)

        return _begun(rooms, request, work, _page(name))

    @app.post("/runs/{run_id}/cancel")
    def cancel(request: Request, run_id: str, form: Fields) -> Response:
        def work() -> None:
            confirmed(form)
            acts.cancel(run_id, reason=form.get("reason", ""), by=PERSON)

        back = form.get("on", "")
        # Only to our own pages: a form may say anything.
        return act(rooms, request, work, back if back.startswith(ALL) else _run_page(run_id))

    @app.post("/runs/{run_id}/rerun")
    def rerun(request: Request, run_id: str, form: Fields) -> Response:
        def work() -> Started:
            confirmed(form)
            return acts.rerun(run_id, from_start=form.get("from_start", "") == "yes", by=PERSON)

        return _begun(rooms, request, work, _run_page(run_id))


def _begun(rooms: Rooms, request: Request, work: Callable[[], Started], back: str) -> Response:
    """Start something and go on to the page of its run, or `back` while there is none."""
    started: list[Started] = []
    answer = act(rooms, request, lambda: started.append(work()), back)
    if started and find_run(rooms.desk.db, started[0].run_id) is not None:
        return RedirectResponse(_run_page(started[0].run_id), 303)
    return answer


def _page(name: str) -> str:
    return ALL if name == EVERYTHING else f"{ALL}/{quote(name, safe='')}"


def _run_page(run_id: str) -> str:
    return f"/runs/{quote(run_id, safe='')}"


def add_auto_act_api(app: FastAPI, api: ActApi, acts: AutoActs) -> None:
    """Add the same below /api/; to be called before the signal API. A program may do all of it but resume."""

    @app.post("/api/automations/{name}/pause")
    async def pause(request: Request, name: str) -> Response:
        return await api.act(
            request,
            PauseBody,
            lambda b, by: acts.pause(name, until=b.until, span=b.span, reason=b.reason, by=by),
        )

    @app.post("/api/automations/{name}/resume")
    async def resume(request: Request, name: str) -> Response:
        return await api.act(
            request,
            ReasonBody,
            lambda b, by: acts.resume(name, reason=b.reason, by=by),
            person="resume what was paused",
        )

    @app.post("/api/automations/{name}/run")
    async def run(request: Request, name: str) -> Response:
        return await api.act(
            request, RunBody, lambda b, by: acts.run(name, params=dict(b.params), anyway=b.anyway, by=by)
        )

    @app.post("/api/runs/{run_id}/cancel")
    async def cancel(request: Request, run_id: str) -> Response:
        return await api.act(request, ReasonBody, lambda b, by: acts.cancel(run_id, reason=b.reason, by=by))

    @app.post("/api/runs/{run_id}/rerun")
    async def rerun(request: Request, run_id: str) -> Response:
        return await api.act(request, RerunBody, lambda b, by: acts.rerun(run_id, from_start=b.from_start, by=by))
