"""The acts as JSON: for a signed-in page, and for programs with the token of the signal API.

A program may stop things, cancel, replace (which passes the gate) and compare. What takes risk on by a person's word
alone, approving a hold, re-arming what was halted and settling differences, is for a person who is signed in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec
from fastapi import FastAPI, Request, Response

from steersman.bootstrap.desk import Desk
from steersman.console.acts import PERSON, Acts, BadInput, status_of
from steersman.console.intake import Turned, Workers, answered, body_of, failed, opens, refused
from steersman.console.sessions import Sessions
from steersman.kernel.errors import SteersmanError

PROGRAM: Final = "api"
_MAX_BODY: Final = 16_384
_TIMEOUT_S: Final = 40.0
T = TypeVar("T", bound=msgspec.Struct)


class HaltBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`scope` is all, venue:NAME, strategy:NAME or instrument:NAME."""

    scope: str = "all"
    reason: str = ""


class AnswerBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    reason: str = ""


class ReplaceBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be changed, as text or number; left out: as it was."""

    quantity: str | int | float = ""
    limit_price: str | int | float = ""
    stop_price: str | int | float = ""


class ReconcileBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With `settle`, the venues' word is taken for what differs."""

    settle: bool = False


class ActApi:
    """Decides who asks, decodes what is asked, and answers; every error carries its fix."""

    def __init__(self, desk: Desk, acts: Acts, sessions: Sessions, workers: Workers) -> None:
        self._desk = desk
        self._acts = acts
        self._sessions = sessions
        self._workers = workers

    async def act(
        self,
        request: Request,
        type_: type[T],
        work: Callable[[T, str], object],
        *,
        person: str = "",
    ) -> Response:
        """Do `work` with the decoded body and the actor; `person` says, where one is needed, what only a person may."""
        try:
            raw = await body_of(request, most=_MAX_BODY)
            return await self._workers.run(lambda: self._done(request, raw, type_, work, person), timeout_s=_TIMEOUT_S)
        except Turned as exc:
            return exc.answer
        except Exception as exc:  # noqa: BLE001 - the edge of a request
            return failed(exc)

    def _done(
        self, request: Request, raw: bytes, type_: type[T], work: Callable[[T, str], object], person: str
    ) -> Response:
        by = self._who(request)
        if by is None:
            fix = (
                "send Authorization: Bearer TOKEN (`steersman signal hook --api` prints it), or sign in to the console"
            )
            return refused(401, "no token, or a wrong one", fix=fix, www_authenticate="Bearer")
        if person and by != PERSON:
            return refused(403, f"only a person may {person}, not a program", fix="do it in the console, signed in")
        try:
            return answered(200, work(_decoded(raw, type_), by))
        except SteersmanError as exc:
            return answered(status_of(exc), {"error": exc.message, "fix": exc.fix})

    def _who(self, request: Request) -> str | None:
        """Return who asks: a program with the token, or the person of a session whose page sent the request."""
        given = request.headers.get("authorization")
        if given is not None:
            scheme, _, token = given.partition(" ")
            is_program = scheme.lower() == "bearer" and opens(self._desk.workspace.api_token, token.strip())
            return PROGRAM if is_program else None
        session = request.state.session
        if session is None or not self._sessions.is_from_page(session, request.headers.get("x-csrf-token", "")):
            return None
        return PERSON


def _decoded(raw: bytes, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(raw or b"{}", type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        fields = ", ".join(type_.__struct_fields__)
        raise BadInput(f"the body: {exc}", fix=f"send a JSON object with any of: {fields}") from exc


def add_act_api(app: FastAPI, desk: Desk, acts: Acts, sessions: Sessions, workers: Workers) -> None:
    """Add the acts below /api/; to be called before the signal API, which answers for all that is left there."""
    api = ActApi(desk, acts, sessions, workers)

    @app.post("/api/halt")
    async def halt(request: Request) -> Response:
        return await api.act(request, HaltBody, lambda b, by: acts.halt(b.scope, reason=b.reason, by=by))

    @app.post("/api/resume")
    async def resume(request: Request) -> Response:
        return await api.act(
            request,
            HaltBody,
            lambda b, by: acts.resume(b.scope, reason=b.reason, by=by),
            person="re-arm what was halted",
        )

    @app.post("/api/inbox/{approval_id:path}/approve")
    async def approve(request: Request, approval_id: str) -> Response:
        return await api.act(
            request,
            AnswerBody,
            lambda b, by: acts.answer(approval_id, grant=True, reason=b.reason, by=by),
            person="answer a hold",
        )

    @app.post("/api/inbox/{approval_id:path}/deny")
    async def deny(request: Request, approval_id: str) -> Response:
        return await api.act(
            request,
            AnswerBody,
            lambda b, by: acts.answer(approval_id, grant=False, reason=b.reason, by=by),
            person="answer a hold",
        )

    @app.post("/api/orders/{order_id}/cancel")
    async def cancel(request: Request, order_id: str) -> Response:
        return await api.act(request, AnswerBody, lambda b, by: acts.cancel(order_id, reason=b.reason, by=by))

    @app.post("/api/orders/{order_id}/replace")
    async def replace(request: Request, order_id: str) -> Response:
        def work(body: ReplaceBody, by: str) -> object:
            return acts.replace(
                order_id,
                quantity=str(body.quantity),
                limit_price=str(body.limit_price),
                stop_price=str(body.stop_price),
                by=by,
            )

        return await api.act(request, ReplaceBody, work)

    @app.post("/api/reconcile")
    async def reconcile(request: Request) -> Response:
        return await api.act(request, ReconcileBody, lambda b, by: acts.reconcile(settle=b.settle, by=by))
