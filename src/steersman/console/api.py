"""The signal API: programs on this machine submit signals and ask for their verdicts, with a token of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from fastapi import FastAPI, Request, Response

from steersman.bootstrap.desk import Desk
from steersman.console.intake import Bucket, Strangers, Turned, Workers, answered, body_of, failed, opens, refused
from steersman.kernel.errors import Misconfigured, Unavailable
from steersman.trading import events as e
from steersman.trading import queries
from steersman.trading.handlers.commands import decided_id
from steersman.trading.handlers.recorded import event_id
from steersman.trading.sources import Answer, Declared, Door, NotASignal, json_rows, unreadable

SOURCE: Final = "api"
MAX_BODY: Final = 1 << 20
MAX_SIGNALS: Final = 1000
_PER_S, _BURST = 20.0, 100
_TIMEOUT_S: Final = 60.0
_USAGE: Final = "POST /api/signals takes signals, GET /api/signals/ID says what became of one"


class Api:
    """The door `api`."""

    def __init__(self, desk: Desk, refresh: Callable[[], None], workers: Workers) -> None:
        """Serve `desk`; `refresh` brings its read models up to date and may be called from any thread."""
        self._desk = desk
        self._refresh = refresh
        self._workers = workers
        self._door = Door(desk.ledger, Declared(desk.workspace.trading), desk.clock, source=SOURCE, actor="api")
        self._bucket = Bucket(desk.clock, per_s=_PER_S, burst=_BURST)
        self._strangers = Strangers(desk.clock)

    async def submit(self, request: Request) -> Response:
        """Answer POST /api/signals."""
        return await self._guarded(request, self._take)

    async def verdict(self, request: Request, signal_id: str) -> Response:
        """Answer GET /api/signals/ID."""
        return await self._guarded(request, lambda _: self._look(signal_id))

    async def _guarded(self, request: Request, work: Callable[[bytes], Response]) -> Response:
        try:
            closed = self._closed(request)
            if closed is not None:
                return await self._workers.run(lambda: self._stranger(closed), timeout_s=_TIMEOUT_S)
            if not self._bucket.take():
                fix = f"send up to {MAX_SIGNALS:,} signals in one request"
                return refused(429, f"more than {_PER_S:g} requests per second", fix=fix, retry_after_s=1)
            body = await body_of(request, most=MAX_BODY)
            return await self._workers.run(lambda: work(body), timeout_s=_TIMEOUT_S)
        except Turned as exc:
            return exc.answer
        except Exception as exc:  # noqa: BLE001 - the edge of a request
            return failed(exc)

    def _closed(self, request: Request) -> NotASignal | None:
        """Return why a request may not enter, None if it may."""
        try:
            known = opens(self._desk.workspace.api_token, _bearer(request))
        except Misconfigured as exc:
            return unreadable(f"the API is closed: {exc.message}", fix=exc.fix)
        fix = "send Authorization: Bearer TOKEN; `steersman signal hook --api` prints the token"
        return None if known else unreadable("no token, or a wrong one", fix=fix)

    def _stranger(self, why: NotASignal) -> Response:
        if self._strangers.may_record():
            self._door.refuse(unreadable(f"{why.message}{self._strangers.untold()}", fix=why.fix))
        return refused(401, why.message, fix=why.fix, www_authenticate="Bearer")

    def _take(self, body: bytes) -> Response:
        answers: list[Answer] = []
        try:
            answers.extend(self._door.take(json_rows(body, most=MAX_SIGNALS)))
        except NotASignal as exc:
            answers.append(self._door.refuse(exc))
        except Unavailable as exc:
            fix = "start the core (steersman up) and send everything again with the same ids: nothing is done twice"
            said = {"error": exc.message, "fix": fix, "signals": answers}
            return answered(503, said, retry_after="5")
        return answered(_status(answers), {"signals": answers})

    def _look(self, signal_id: str) -> Response:
        listed_as = decided_id(SOURCE, signal_id)
        self._refresh()
        found = queries.verdict(self._desk.db, listed_as)
        known = self._desk.ledger.get(event_id(e.SIGNAL_SUBMITTED, SOURCE, signal_id))
        if known is None:
            return refused(404, "no such signal came through the API", fix="`steersman signal list` names all signals")
        said = msgspec.json.decode(known.data, type=e.SignalSubmitted)
        return answered(
            200,
            {
                "signal_id": signal_id,
                "listed_as": listed_as,
                "status": "decided" if found else "waiting",
                "pos": known.pos,
                "received_at": said.received_at,
                "verdict": found,
            },
        )


def add_api(app: FastAPI, desk: Desk, refresh: Callable[[], None], workers: Workers) -> None:
    """Add the routes below /api/."""
    api = Api(desk, refresh, workers)

    @app.post("/api/signals")
    async def submit(request: Request) -> Response:
        return await api.submit(request)

    @app.get("/api/signals/{signal_id:path}")
    async def verdict(request: Request, signal_id: str) -> Response:
        return await api.verdict(request, signal_id)

    @app.api_route("/api/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def nothing(rest: str) -> Response:
        return refused(404, "there is nothing here", fix=_USAGE)


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _status(answers: list[Answer]) -> int:
    """Return 202 if anything was taken, else 409 for contents that changed, 400 for refusals, 200 for repeats."""
    if any(answer.status == "accepted" for answer in answers):
        return 202
    if any(answer.conflict for answer in answers):
        return 409
    return 400 if any(answer.status == "refused" for answer in answers) else 200
