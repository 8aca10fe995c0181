"""The client of Prefect's API against a small server on loopback that answers what it is told to."""

from __future__ import annotations

import json
import os
import runpy
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from steersman.automation.adapters.prefect.api import PrefectApi
from steersman.automation.adapters.prefect.plan import FLOWS
from steersman.kernel.errors import Rejected, Unavailable


class Told(HTTPServer):
    """Answers with what stands in `answers`, the last for ever, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, object]] = [(200, None)]
        self.asked: list[tuple[str, str, Any, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api"


class Handler(BaseHTTPRequestHandler):
    server: Told

    def answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else None
        self.server.asked.append((self.command, self.path, body, dict(self.headers)))
        status, said = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        raw = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - the names http.server looks for

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[Told]:
    with Told() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def api(server: Told, waits: list[float]) -> Iterator[PrefectApi]:
    api = PrefectApi(server.url, key="k3y", timeout_s=5, wait=waits.append)
    yield api
    api.close()


def test_a_server_that_says_later_is_asked_again(server: Told, api: PrefectApi, waits: list[float]) -> None:
    server.answers = [(503, "busy"), (429, "busy"), (200, True)]
    assert api.is_healthy()
    assert waits == [0.1, 0.3]
    assert server.asked[0][3]["Authorization"] == "Bearer k3y"


def test_one_that_says_later_for_ever_is_unavailable(server: Told, api: PrefectApi, waits: list[float]) -> None:
    server.answers = [(503, "database is locked")]
    with pytest.raises(Unavailable, match=r"answered GET health with 503: .*database is locked"):
        api.is_healthy()
    assert len(waits) == 5


@pytest.mark.parametrize(
    ("status", "said", "kind", "fix"),
    [
        (401, "who are you", Unavailable, "api_key"),
        (404, "not found", Unavailable, "it ends in /api"),
        (422, "no such field", Rejected, "version"),
        (500, "oops", Unavailable, "log"),
        (302, "", Unavailable, "log"),
        (200, b"<html>a router</html>", Unavailable, "it ends in /api"),
    ],
)
def test_refusals_name_what_to_do(
    server: Told, api: PrefectApi, status: int, said: object, kind: type[Exception], fix: str
) -> None:
    server.answers = [(status, said)]
    with pytest.raises(kind) as caught:
        api.version()
    assert fix in getattr(caught.value, "fix")  # noqa: B009 - the parameter is any of two families
    assert "k3y" not in str(caught.value)


def test_what_is_not_there_is_none_and_what_is_gone_needs_no_deleting(server: Told, api: PrefectApi) -> None:
    server.answers = [(404, {"detail": "not found"})]
    assert api.pool("p") is None
    assert api.flow_run("x") is None
    api.delete_deployment("x")
    api.set_state("x", "CRASHED", name="Crashed", message="m")


def test_many_deployments_are_read_page_by_page(server: Told, api: PrefectApi) -> None:
    server.answers = [(200, [{"name": n} for n in range(200)]), (200, [{"name": 200}])]
    assert len(api.deployments("t")) == 201
    assert [asked[2]["offset"] for asked in server.asked] == [0, 200]


def test_a_flow_run_is_asked_for_under_a_key(server: Told, api: PrefectApi) -> None:
    server.answers = [(201, {"id": "r"})]
    assert api.start("d", key="cycle/1", parameters={"a": 1}, name="n", tags=["t"])["id"] == "r"
    _, path, body, _ = server.asked[0]
    assert path == "/api/deployments/d/create_flow_run"
    assert (body["idempotency_key"], body["parameters"]) == ("cycle/1", {"a": 1})


def test_the_canary_says_that_it_was_started(server: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers = [(201, {"status": "ACCEPT"})]
    monkeypatch.setattr(
        os, "environ", {"PREFECT_API_URL": server.url, "PREFECT__FLOW_RUN_ID": "r", "PREFECT_API_KEY": "k"}
    )
    runpy.run_path(str(FLOWS / "canary.py"), run_name="__main__")
    assert [(path, body["state"]["type"]) for _, path, body, _ in server.asked] == [
        ("/api/flow_runs/r/set_state", "RUNNING"),
        ("/api/flow_runs/r/set_state", "COMPLETED"),
    ]
    assert server.asked[0][3]["Authorization"] == "Bearer k"
