"""The pages of automations, runs and what scripts share. They show; a run is started by hand in a terminal."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from steersman.bootstrap.services import open_services
from steersman.console import automations, run_history, shared
from steersman.console.act_pages import Rooms


def add_auto_pages(app: FastAPI, rooms: Rooms) -> None:
    """Add every page of this module."""
    # Only ever looked at: nothing is pulled or leased through it, so there is nothing to close.
    services = open_services(rooms.desk)

    @app.get("/automations")
    def overview(request: Request) -> Response:
        rooms.refresh()
        return rooms.show(
            request,
            "automations.html",
            "automations",
            page=automations.look(rooms.desk),
            lanes=run_history.timeline(rooms.desk, request.query_params.get("span", "")),
            now_ns=rooms.desk.clock.now_ns(),
        )

    @app.get("/runs/{run_id}")
    def run(request: Request, run_id: str) -> Response:
        rooms.refresh()
        found = automations.run(rooms.desk, run_id)
        if found is None:
            return rooms.say(
                request, f"There is no run {run_id}", "The automations name their latest.", 404, back="/automations"
            )
        return rooms.show(request, "run.html", "automations", view=found, now_ns=rooms.desk.clock.now_ns())

    @app.get("/shared")
    def what_is_shared(request: Request) -> Response:
        rooms.refresh()
        return rooms.show(
            request, "shared.html", "shared", page=shared.look(rooms.desk, services), now_ns=rooms.desk.clock.now_ns()
        )
