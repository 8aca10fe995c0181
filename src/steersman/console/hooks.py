"""Webhooks: an alert of a charting service becomes a signal. The secret is in the body; it is compared, never kept."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI, Request, Response

from steersman.bootstrap.desk import Desk
from steersman.console.intake import Strangers, Turned, Workers, answered, body_of, failed, opens, refused
from steersman.kernel.errors import Misconfigured
from steersman.trading.sources import Answer, Declared, Door, NotASignal, unreadable
from steersman.trading.sources.tradingview import SECRETS, mentions, read_alert, row_of

SOURCE: Final = "tradingview"
MAX_BODY: Final = 16 << 10
_TYPES: Final = ("application/json", "text/plain")
# The service gives up after 3 s and sends it again on an error of ours; by then the ledger has it, or never will.
_TIMEOUT_S: Final = 2.5
_UNKNOWN: Final = "no such hook, or a wrong secret"
_FIX: Final = "`steersman signal hook STRATEGY` prints the address and the message to paste"


class Hooks:
    """The door `tradingview`."""

    def __init__(self, desk: Desk, workers: Workers) -> None:
        self._desk = desk
        self._workers = workers
        self._declared = Declared(desk.workspace.trading)
        self._strangers = Strangers(desk.clock)

    async def tradingview(self, request: Request, strategy: str) -> Response:
        """Answer POST /hooks/tradingview/STRATEGY."""
        try:
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind not in _TYPES:
                what = f"the content type is {kind[:60]!r}; allowed: {', '.join(_TYPES)}"
                return await self._turned_away(strategy, unreadable(what, fix="send JSON"), 415)
            try:
                body = await body_of(request, most=MAX_BODY)
            except Turned as exc:
                refusal = unreadable(
                    f"an alert of more than {MAX_BODY:,} bytes, or one that did not arrive", fix="send less"
                )
                await self._turned_away(strategy, refusal, 413)
                return exc.answer
            return await self._workers.run(lambda: self._take(strategy, body), timeout_s=_TIMEOUT_S)
        except Turned as exc:
            return exc.answer
        except Exception as exc:  # noqa: BLE001 - the edge of a request
            return failed(exc)

    def _take(self, strategy: str, body: bytes) -> Response:
        try:
            alert, secret = read_alert(body)
        except NotASignal as exc:
            return self._stranger(strategy, exc, 400)
        # Only a declared name becomes part of a path.
        if strategy not in self._declared.strategies:
            what = f"an alert for {strategy[:60]!r}, which is no strategy of this desk"
            return self._stranger(strategy, unreadable(what, fix=_FIX), 401)
        try:
            known = opens(self._desk.workspace.hook_secret(strategy), secret)
        except Misconfigured as exc:
            return self._stranger(strategy, unreadable(f"this hook is closed: {exc.message}", fix=exc.fix), 401)
        if not known:
            what = "an alert with a wrong secret" if secret else "an alert without a secret"
            return self._stranger(strategy, unreadable(what, fix=_FIX), 401)
        return self._known(strategy, alert, secret)

    def _known(self, strategy: str, alert: dict[str, object], secret: str) -> Response:
        """Take an alert that carries the right secret."""
        door = self._door(strategy)
        try:
            if mentions(alert, secret):
                raise unreadable("the secret stands in another field too", fix=f"keep it in {SECRETS[0]!r} only")
            row = row_of(
                alert,
                strategy=strategy,
                declared=self._declared,
                now_ns=self._desk.clock.now_ns(),
                window_s=self._desk.workspace.sources.hooks.window_s,
            )
        except NotASignal as exc:
            return answered(400, door.refuse(exc))
        answer = next(door.take([row]))
        return answered(_status(answer), answer)

    def _stranger(self, strategy: str, refusal: NotASignal, status: int) -> Response:
        """Record what came without the key, if it is no flood; the answer tells a stranger little."""
        if self._strangers.may_record():
            problem = f"{refusal.message}{self._strangers.untold()}"
            self._door(strategy).refuse(unreadable(problem, fix=refusal.fix, found=refusal.found))
        return refused(status, _UNKNOWN if status == 401 else refusal.message, fix=_FIX)

    async def _turned_away(self, strategy: str, refusal: NotASignal, status: int) -> Response:
        return await self._workers.run(lambda: self._stranger(strategy, refusal, status), timeout_s=_TIMEOUT_S)

    def _door(self, strategy: str) -> Door:
        return Door(
            self._desk.ledger,
            self._declared,
            self._desk.clock,
            source=SOURCE,
            actor=SOURCE,
            strategy=strategy if strategy in self._declared.strategies else "",
        )


def add_hooks(app: FastAPI, desk: Desk, workers: Workers) -> None:
    """Add the routes below /hooks/."""
    hooks = Hooks(desk, workers)

    @app.post("/hooks/tradingview/{strategy}")
    async def tradingview(request: Request, strategy: str) -> Response:
        return await hooks.tradingview(request, strategy)

    @app.api_route("/hooks/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def nothing(rest: str) -> Response:
        return refused(404, "there is nothing here", fix="POST /hooks/tradingview/STRATEGY takes alerts")


def _status(answer: Answer) -> int:
    if answer.status == "refused":
        return 409 if answer.conflict else 400
    return 200 if answer.status == "repeated" else 202
