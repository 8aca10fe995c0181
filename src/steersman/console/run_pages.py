"""The page of one automation, and what a run left: its log as it grows, its log and its artifacts to download."""

from __future__ import annotations

import os
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from steersman.automation import queries as runs
from steersman.automation.queries import Attempt, Run
from steersman.console import automation_page, run_files
from steersman.console.act_pages import Rooms

_GONE = "Older runs are cleared away (keep_runs)."


def add_run_pages(app: FastAPI, rooms: Rooms) -> None:
    """Add every address of this module."""
    _add_automation(app, rooms)
    _add_log(app, rooms)
    _add_artifacts(app, rooms)


def _add_automation(app: FastAPI, rooms: Rooms) -> None:
    @app.get("/automations/{name}")
    def automation(request: Request, name: str) -> Response:
        rooms.refresh()
        found = automation_page.look(rooms.desk, name, request.query_params.get("span", ""))
        if found is None:
            advice = f"[automation.{name}] is not in steersman.toml; the automations name all that are."
            return rooms.say(request, f"There is no automation {name}", advice, 404, back="/automations")
        now = rooms.desk.clock.now_ns()
        return rooms.show(request, "automation.html", "automations", view=found, lanes=found.lanes, now_ns=now)


def _add_log(app: FastAPI, rooms: Rooms) -> None:
    @app.get("/runs/{run_id}/tail")
    def tail(run_id: str, attempt: int = 0, after: int = 0) -> Response:
        rooms.refresh()
        run, one = _attempt(rooms, run_id, attempt)
        if run is None or one is None:
            return JSONResponse({"error": f"there is no run {run_id} with attempt {attempt}"}, 404)
        over = one.finished_at is not None
        piece = run_files.tail(rooms.desk.workspace.root, one.log, after, over=over)
        return JSONResponse({"text": piece.text, "after": piece.after, "over": over})

    @app.get("/runs/{run_id}/log")
    def log(request: Request, run_id: str, attempt: int = 0) -> Response:
        rooms.refresh()
        run, one = _attempt(rooms, run_id, attempt)
        if run is None or one is None:
            return rooms.say(request, f"There is no run {run_id}", "", 404, back="/automations")
        name = f"{run_id}-attempt-{one.attempt}.log"
        return _file(rooms, request, one.log, name, "text/plain; charset=utf-8", back=f"/runs/{quote(run_id, safe='')}")


def _add_artifacts(app: FastAPI, rooms: Rooms) -> None:
    @app.get("/runs/{run_id}/artifacts/{name:path}")
    def artifact(request: Request, run_id: str, name: str) -> Response:
        rooms.refresh()
        page = f"/runs/{quote(run_id, safe='')}"
        path = run_files.find(runs.attempts(rooms.desk.db, run_id), name)
        if path is None:
            return rooms.say(request, f"The run left no {name}", "Its page lists what it left.", 404, back=page)
        return _file(rooms, request, path, name.rpartition("/")[2], "application/octet-stream", back=page)


def _attempt(rooms: Rooms, run_id: str, number: int) -> tuple[Run | None, Attempt | None]:
    """Return a run and one of its attempts, the latest if `number` is 0."""
    run = runs.find_run(rooms.desk.db, run_id)
    if run is None or number in (0, run.last.attempt):
        return run, run.last if run is not None else None
    return run, next((a for a in runs.attempts(rooms.desk.db, run_id) if a.attempt == number), None)


def _file(rooms: Rooms, request: Request, path: str, name: str, media_type: str, *, back: str) -> Response:
    """Return a file to be saved. It is never shown: what scripts wrote must not run as a page of this console."""
    fd = run_files.opened(rooms.desk.workspace.root, path) if path else None
    if fd is None:
        return rooms.say(request, f"{name} is not there any more", _GONE, 404, back=back)
    file = os.fdopen(fd, "rb")  # closed with its last piece, or when nobody holds it any more
    size = os.fstat(fd).st_size
    headers = {
        "content-length": str(size),
        "content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "content-security-policy": "sandbox",
    }
    return StreamingResponse(run_files.pieces(file, size), media_type=media_type, headers=headers)
