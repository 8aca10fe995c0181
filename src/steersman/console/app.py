"""The application: which address answers with what. Everything it shows comes from the read models."""

from __future__ import annotations

import sys
import threading
import traceback
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, StreamingResponse

from steersman import __version__
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.hand import Hand
from steersman.console import charts
from steersman.console.act_api import ActApi, add_act_api
from steersman.console.act_pages import add_act_pages
from steersman.console.acts import Acts
from steersman.console.api import add_api
from steersman.console.assets import Assets
from steersman.console.auto_act_pages import add_auto_act_api, add_auto_act_pages
from steersman.console.auto_acts import AutoActs
from steersman.console.auto_pages import add_auto_pages
from steersman.console.calendar_pages import add_calendar_pages
from steersman.console.content_pages import add_content_pages
from steersman.console.gatekeeper import Gatekeeper
from steersman.console.hooks import add_hooks
from steersman.console.intake import Workers
from steersman.console.kpis import Kpis
from steersman.console.live import Live
from steersman.console.overview import Overview, look
from steersman.console.pages import Fragment, Pages
from steersman.console.run_pages import add_run_pages
from steersman.console.sessions import LASTS_S, Guesses, Sessions
from steersman.console.shell import Shell, Shells
from steersman.trading import queries as trading
from steersman.trading.events import trade_approval

_MAX_BODY = 4096
_FOREVER = {"cache-control": "public, max-age=31536000, immutable"}


class Console:
    """A desk behind its pages. `view` may be called from any thread."""

    def __init__(self, desk: Desk, token: str) -> None:
        self.desk = desk
        self.assets = Assets()
        self.pages = Pages(self.assets)
        self.sessions = Sessions(token, desk.clock)
        self.guesses = Guesses(desk.clock)
        self.shells = Shells(desk)
        self.kpis = Kpis(desk)
        self.hand = Hand(desk, self.refresh)
        self.live = Live(desk.ledger, self._fragments, is_behind=self.kpis.are_behind)
        # The projector's connection is for one thread at a time.
        self._refreshing = threading.Lock()
        # A page is made in one thread: what it surely shows is what stood in the ledger before that thread refreshed.
        self._shown = threading.local()

    def view(self) -> Overview:
        """Catch the read models up and read the overview from them."""
        self.refresh()
        return look(self.desk, self.kpis.now())

    def refresh(self) -> None:
        """Bring the read models up to date."""
        self._shown.events = self.desk.ledger.head().pos
        with self._refreshing:
            _ = self.desk.db  # the first use opens it; two threads at once would open two
            self.desk.refresh()

    def shell(self, request: Request, here: str) -> Shell:
        """Return the frame of a page for whoever asks; a stranger's says nothing but the desk's name."""
        session = getattr(request.state, "session", None)
        if session is None:
            return self.shells.of_stranger()
        return self.shells.of(self.sessions.csrf(session), here, events=getattr(self._shown, "events", 0))

    def show(self, request: Request, template: str, here: str, status: int = 200, **values: object) -> HTMLResponse:
        """Return a page."""
        return HTMLResponse(self.pages.page(template, shell=self.shell(request, here), **values), status)

    def say(self, request: Request, title: str, advice: str, status: int, back: str = "/") -> HTMLResponse:
        """Return a page that says one thing, and where to go on."""
        return self.show(request, "message.html", "", status, title=title, advice=advice, back=back)

    def _fragments(self) -> dict[str, Fragment]:
        view = self.view()
        return self.pages.fragments(view, self.shells.of("", "overview"))


def create_app(desk: Desk, *, token: str) -> FastAPI:
    """Return the console of `desk`; whoever knows `token` may sign in.

    `app.state.console.live.close()` ends the open streams and the thread behind them.
    """
    console = Console(desk, token)
    app = FastAPI(title="Steersman", version=__version__, openapi_url=None, docs_url=None, redoc_url=None)
    app.state.console = console
    app.add_middleware(Gatekeeper, sessions=console.sessions, hook_hosts=desk.workspace.console.hosts)
    _add_sign_in(app, console)
    _add_pages(app, console)
    _add_data(app, console)
    acts = Acts(desk, console.refresh)
    add_act_pages(app, console, acts)
    auto_acts = AutoActs(desk, console.refresh, console.hand)
    add_auto_act_pages(app, console, auto_acts)
    add_auto_pages(app, console)
    add_run_pages(app, console)
    add_calendar_pages(app, console)  # before the pages of pieces, whose addresses are any path
    add_content_pages(app, console)
    workers = Workers()
    add_act_api(
        app, desk, acts, console.sessions, workers
    )  # before the signal API, which answers what is left of /api/
    add_auto_act_api(app, ActApi(desk, acts, console.sessions, workers), auto_acts)
    add_api(app, desk, console.refresh, workers)
    add_hooks(app, desk, workers)

    @app.exception_handler(404)
    def missing(request: Request, exc: Exception) -> Response:
        return console.say(request, "There is no such page", "The overview links to everything.", 404)

    @app.exception_handler(500)
    def broken(request: Request, exc: Exception) -> Response:
        traceback.print_exception(exc, file=sys.stderr)
        advice = "The terminal of `steersman up` says why."
        page = console.pages.page(
            "message.html", shell=console.shells.of_stranger(), title="This page failed", advice=advice, back="/"
        )
        return HTMLResponse(page, 500)

    return app


def _add_sign_in(app: FastAPI, console: Console) -> None:
    def form(problem: str, status: int, headers: dict[str, str] | None = None) -> Response:
        return HTMLResponse(
            console.pages.page("login.html", shell=console.shells.of_stranger(), problem=problem), status, headers
        )

    def attempt(token: str) -> Response:
        wait_s = console.guesses.wait_s()
        if wait_s:
            problem = f"Too many wrong tokens: try again in {wait_s} s."
            return form(problem, 429, {"retry-after": str(wait_s)})
        if not console.sessions.opens(token):
            console.guesses.failed()
            return form("That is not the token of this desk.", 403)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            console.sessions.cookie, console.sessions.issue(), max_age=LASTS_S, httponly=True, samesite="strict"
        )
        return answer

    @app.get("/login")
    def login(request: Request, token: str = "") -> Response:
        if token:
            return attempt(token)
        return RedirectResponse("/", 303) if request.state.session else form("", 200)

    @app.post("/login")
    async def sign_in(request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_BODY:
                return form("That is too long for a token.", 413)
        fields = parse_qs(body.decode("utf-8", "replace"))
        return attempt(fields.get("token", [""])[0].strip())

    @app.post("/logout")
    def logout() -> Response:
        answer = Response(status_code=204)
        answer.delete_cookie(console.sessions.cookie, httponly=True, samesite="strict")
        return answer


def _add_pages(app: FastAPI, console: Console) -> None:
    @app.get("/")
    def overview(request: Request) -> HTMLResponse:
        view = console.view()
        return HTMLResponse(console.pages.overview(view, console.shell(request, "overview")))

    @app.get("/verdicts/{signal_id:path}")
    def verdict(signal_id: str, request: Request) -> Response:
        console.refresh()
        found = trading.verdict(console.desk.db, signal_id)
        if found is None:
            advice = "`steersman signal list` names every signal of this desk."
            return console.say(request, f"There is no verdict about {signal_id}", advice, 404, back="/signals")
        hold = trading.hold(console.desk.db, trade_approval(signal_id), now_ns=console.desk.time_ns())
        return console.show(request, "verdict.html", "signals", found=found, hold=hold)

    @app.get("/about")
    def about(request: Request) -> HTMLResponse:
        licences = {
            "Lightweight Charts": console.assets.text("vendor/lightweight-charts.LICENSE.txt"),
            "Inter": console.assets.text("vendor/inter.LICENSE.txt"),
        }
        return console.show(request, "about.html", "about", version=__version__, licences=licences)


def _add_data(app: FastAPI, console: Console) -> None:
    @app.get("/data/equity.json")
    def equity() -> JSONResponse:
        console.refresh()
        return JSONResponse(charts.equity(console.desk.db, currency=console.desk.workspace.desk.currency))

    @app.get("/events")
    async def events(only: str = "") -> StreamingResponse:
        names = frozenset(only.split(",")) if only else None
        return StreamingResponse(console.live.stream(names), media_type="text/event-stream")

    @app.get("/static/{name:path}")
    def static(name: str, request: Request) -> Response:
        asset = console.assets.get(name)
        if asset is None:
            return Response("There is no such file.\n", 404, media_type="text/plain")
        headers = {**_FOREVER, "vary": "accept-encoding"}
        if asset.gzipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            return Response(asset.gzipped, media_type=asset.media_type, headers=headers)
        return Response(asset.plain, media_type=asset.media_type, headers=headers)
