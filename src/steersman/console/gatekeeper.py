"""What stands before every page: the right host, a session, no forged request, and a browser that runs nothing else."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from steersman.console.forms import FIELD, MAX_BODY, TYPE, parsed
from steersman.console.sessions import Sessions

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
DOORS: Final = ("/api/", "/hooks/")
_HOST: Final = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)


class Gatekeeper:
    """ASGI middleware: refuses before the application sees a request, and adds the headers to every answer."""

    def __init__(self, app: ASGIApp, *, sessions: Sessions, hook_hosts: Collection[str] = ()) -> None:
        """Guard `app`; the webhooks are also answered under `hook_hosts`, the names of a tunnel."""
        self._app = app
        self._sessions = sessions
        self._hook_hosts = frozenset(hook_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refused = self._refusal(scope)
        if refused is None and self._asks_for_proof(scope):
            receive, refused = await self._proved(scope, receive)
        await (refused or self._app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers, path = Headers(scope=scope), scope["path"]
        # A name of the attacker's that resolves to 127.0.0.1 (DNS rebinding) arrives with the attacker's Host.
        if not self._is_ours(headers.get("host", ""), path):
            return PlainTextResponse("This console answers to 127.0.0.1 and localhost only.\n", 421)
        value = session_of(headers, self._sessions)
        scope.setdefault("state", {})["session"] = value
        changes = scope["method"] not in ("GET", "HEAD", "OPTIONS")
        # A link to /login that somebody follows is welcome; pictures and frames of another site that guess tokens would
        # use up the attempts of the one who knows it.
        guesses = path == "/login" and headers.get("sec-fetch-dest", "document") != "document"
        if (changes or guesses) and headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return PlainTextResponse("Refused: the request comes from another site.\n", 403)
        # The doors ask for a key of their own, and a session is none.
        if path == "/login" or path.startswith(("/static/", *DOORS)):
            return None
        if value is None:
            wants_page = "text/html" in headers.get("accept", "") and not changes
            return RedirectResponse("/login", 303) if wants_page else PlainTextResponse("Sign in first.\n", 401)
        return None

    def _asks_for_proof(self, scope: Scope) -> bool:
        """Say whether a request changes something in the name of a session, so that it must come from a page of it."""
        path = scope["path"]
        if path == "/login" or path.startswith(("/static/", *DOORS)):
            return False
        return scope["method"] not in ("GET", "HEAD", "OPTIONS")

    async def _proved(self, scope: Scope, receive: Receive) -> tuple[Receive, Response | None]:
        """Look for the proof in a header or, of a form, in its field; return how the body is read after that."""
        headers, session = Headers(scope=scope), scope["state"]["session"]
        proof = headers.get("x-csrf-token")
        if headers.get("content-type", "").partition(";")[0].strip().lower() == TYPE:
            body = await _body(receive)
            if body is None:
                return receive, PlainTextResponse("Refused: that is too long for a form of this console.\n", 413)
            receive = _again(body, receive)
            proof = parsed(body).get(FIELD, "") if proof is None else proof
        if not self._sessions.is_from_page(session, proof or ""):
            return receive, PlainTextResponse("Refused: reload the page and try again.\n", 403)
        return receive, None

    def _is_ours(self, host: str, path: str) -> bool:
        if _HOST.fullmatch(host):
            return True
        return path.startswith("/hooks/") and host.lower().partition(":")[0] in self._hook_hosts


async def _body(receive: Receive) -> bytes | None:
    """Return the whole body, None if it is too long or its sender went away."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that says what was read once more, and then what comes."""
    told = False

    async def replay() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def session_of(headers: Headers, sessions: Sessions) -> str | None:
    """Return the valid session that the request carries, or None."""
    # Not http.cookies: it drops everything after a value it dislikes, e.g. the JSON of another program on this host.
    value = cookie_parser(headers.get("cookie", "")).get(sessions.cookie, "")
    return value if sessions.is_valid(value) else None
