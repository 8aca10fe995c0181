"""The pages of content: the board by stage, and one piece with what was found in its text and said about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from fastapi import FastAPI, Request, Response

from steersman.bootstrap import pieces
from steersman.bootstrap.content import checker, publisher, reviews
from steersman.bootstrap.learning import judge
from steersman.console import content_text
from steersman.console.act_pages import Rooms, act, confirmed
from steersman.console.acts import PERSON, BadInput, Missing, status_of
from steersman.console.first_pass import FirstPass
from steersman.console.forms import Fields
from steersman.content.drafts import read_draft
from steersman.content.model.learning import Outcome
from steersman.content.review.flow import Reviews
from steersman.content.review.piece import STAGES
from steersman.content.review.place import span_of
from steersman.content.review.remarks import CATEGORIES
from steersman.kernel.errors import SteersmanError

MAX_REMARK: Final = 1000
_OUTCOMES: Final[dict[str, Outcome]] = {"accepted": "accepted", "rejected": "rejected"}


def add_content_pages(app: FastAPI, rooms: Rooms) -> None:
    """Add every page and form of this module; pages with an address of their own below /content come before it."""
    _add_pages(app, rooms)
    _add_round(app, rooms)
    _add_remarks(app, rooms)
    _add_verdicts(app, rooms)


def piece_url(draft: str) -> str:
    """Return the address of a piece."""
    return f"/content/{quote(draft)}"


def _add_pages(app: FastAPI, rooms: Rooms) -> None:
    first_pass = FirstPass(rooms.desk)

    @app.get("/content")
    def board(request: Request) -> Response:
        rooms.refresh()
        cards = pieces.board(rooms.desk)
        by_stage = {stage: [card for card in cards if card.stage == stage] for stage in STAGES}
        # The latest first where things are done: what is out for longest is no longer news.
        for stage in ("published", "measured"):
            by_stage[stage].reverse()
        now = rooms.desk.clock.now_ns()
        return rooms.show(request, "content.html", "content", stages=by_stage, total=len(cards), now_ns=now)

    @app.get("/content/{draft:path}/preview")
    def preview(request: Request, draft: str) -> Response:
        rooms.refresh()
        desk = rooms.desk
        try:
            found = read_draft(desk.workspace.root, _known(rooms, draft), desk.workspace.content.qa)
            shown = publisher(desk, only=None, actor=PERSON).variants(found)
        except SteersmanError as exc:
            back = "/content" if isinstance(exc, Missing) else piece_url(draft)
            return rooms.say(request, exc.message, f"{exc.fix}.", status_of(exc), back=back)
        return rooms.show(request, "content_preview.html", "content", draft=found, variants=shown)

    @app.get("/content/{draft:path}")
    def piece(request: Request, draft: str, at: str = "") -> Response:
        rooms.refresh()
        view = pieces.look(rooms.desk, draft)
        if view is None:
            return rooms.say(request, f"There is no draft {draft}", "The board lists them.", 404, back="/content")
        return rooms.show(
            request,
            "content_piece.html",
            "content",
            view=view,
            card=view.card,
            laid=content_text.of_view(view),
            fresh=first_pass.words(draft) if view.findings else {},
            categories=CATEGORIES,
            max_remark=MAX_REMARK,
            at=at,
            now_ns=rooms.desk.clock.now_ns(),
        )


def _acts(rooms: Rooms) -> Reviews:
    return reviews(rooms.desk, actor=PERSON)


def _known(rooms: Rooms, draft: str) -> str:
    """Return `draft` if it is one: a path from an address is nobody's word for it."""
    rooms.refresh()
    if pieces.look(rooms.desk, draft) is None:
        raise Missing(f"there is no draft {draft}", fix="the board lists them")
    return draft


def _add_round(app: FastAPI, rooms: Rooms) -> None:
    def done(request: Request, draft: str, work: Callable[[], object]) -> Response:
        def known() -> None:
            _known(rooms, draft)
            work()

        return act(rooms, request, known, piece_url(draft))

    @app.post("/content/{draft:path}/check")
    def check(request: Request, draft: str) -> Response:
        return done(request, draft, lambda: checker(rooms.desk, actor=PERSON).check(draft))

    @app.post("/content/{draft:path}/review")
    def review(request: Request, draft: str, form: Fields) -> Response:
        anyway = form.get("anyway") == "yes"
        return done(request, draft, lambda: _acts(rooms).request(draft, anyway=anyway))

    @app.post("/content/{draft:path}/approve")
    def approve(request: Request, draft: str, form: Fields) -> Response:
        def work() -> None:
            confirmed(form)
            # The version that was on the page: what was read is what is approved.
            _acts(rooms).approve(draft, sha256=_sha(form))

        return done(request, draft, work)

    @app.post("/content/{draft:path}/return")
    def return_(request: Request, draft: str, form: Fields) -> Response:
        text = form.get("text", "")
        return done(request, draft, lambda: _acts(rooms).return_(draft, text=text, sha256=_sha(form)))

    @app.post("/content/{draft:path}/withdraw")
    def withdraw(request: Request, draft: str) -> Response:
        return done(request, draft, lambda: _acts(rooms).withdraw(draft))


def _add_verdicts(app: FastAPI, rooms: Rooms) -> None:
    @app.post("/content/{draft:path}/judge")
    def judged(request: Request, draft: str, form: Fields) -> Response:
        def work() -> None:
            outcome = _OUTCOMES.get(form.get("outcome", ""))
            if outcome is None:
                raise BadInput("a finding is accepted or rejected", fix="reload the page")
            rooms.refresh()
            view = pieces.look(rooms.desk, draft)
            if view is None:
                raise Missing(f"there is no draft {draft}", fix="the board lists them")
            judge(rooms.desk, actor=PERSON).say(draft, form.get("finding", ""), outcome, type_=view.card.type)

        return act(rooms, request, work, f"{piece_url(draft)}#remarks")


def _sha(form: dict[str, str]) -> str:
    sha256 = form.get("version", "")
    if not sha256:
        raise BadInput("the form does not say which version it is about", fix="reload the page")
    return sha256


def _add_remarks(app: FastAPI, rooms: Rooms) -> None:
    @app.post("/content/{draft:path}/remark")
    def remark(request: Request, draft: str, form: Fields) -> Response:
        def work() -> None:
            _known(rooms, draft)
            found = read_draft(rooms.desk.workspace.root, draft, rooms.desk.workspace.content.qa)
            place = form.get("place", "").strip()
            start, end = span_of(place, found.masked.source) if place else (0, 0)
            category, text = form.get("category", "other"), form.get("text", "")
            _acts(rooms).remark(draft, start=start, end=end, category=category, text=text, sha256=_sha(form))

        return act(rooms, request, work, f"{piece_url(draft)}#remarks")

    @app.post("/content/{draft:path}/dismiss")
    def dismiss(request: Request, draft: str, form: Fields) -> Response:
        return act(
            rooms, request, lambda: _acts(rooms).dismiss(form.get("remark", ""), [draft]), f"{piece_url(draft)}#remarks"
        )
