"""The pages by which a person acts: inbox, halts, orders, signals, venues. Plain forms; every act is one event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from steersman.bootstrap.desk import Desk
from steersman.console import inbox, venues
from steersman.console.acts import PERSON, Acts, BadInput, status_of
from steersman.console.forms import Fields
from steersman.console.timeline import life_of
from steersman.kernel.errors import OutcomeUnknown, Rejected, SteersmanError, Unavailable
from steersman.trading import queries as trading

_ROWS: Final = 100
_OUTCOMES: Final = ("accept", "adjust", "hold", "reject")


class Rooms(Protocol):
    """What the pages need of the console."""

    desk: Desk

    def refresh(self) -> None: ...
    def show(self, request: Request, template: str, here: str, status: int = 200, **values: object) -> Response: ...
    def say(self, request: Request, title: str, advice: str, status: int, back: str = "/") -> Response: ...


def add_act_pages(app: FastAPI, rooms: Rooms, acts: Acts) -> None:
    """Add every page and form of this module."""
    _add_inbox(app, rooms, acts)
    _add_halts(app, rooms, acts)
    _add_orders(app, rooms, acts)
    _add_signals(app, rooms)
    _add_venues(app, rooms, acts)


def act(rooms: Rooms, request: Request, work: Callable[[], object], page: str) -> Response:
    """Do an act and go on to the page that shows it; of one that was refused, say why and what to do."""
    try:
        work()
    except SteersmanError as exc:
        return rooms.say(request, exc.message, _advice(exc), status_of(exc), back=page)
    return RedirectResponse(page, 303)


def _advice(exc: SteersmanError) -> str:
    if isinstance(exc, OutcomeUnknown):
        return f"It may have been recorded: look before you ask again. {exc.fix}."
    if isinstance(exc, Unavailable):
        return f"Nothing was recorded. {exc.fix}."
    return f"{exc.fix}." if exc.fix else ""


def confirmed(form: dict[str, str], word: str = "yes") -> None:
    """Refuse an act that was not confirmed: by a second button, or by a word that has to be typed."""
    said = form.get("confirmed", "").strip()
    if said != word:
        raise BadInput(
            f"confirmation: found {said!r}, and it takes {word!r}" if said else "this was not confirmed",
            fix="go back, read it once more, and confirm" if word == "yes" else f"go back and type {word}",
        )


# -- inbox -------------------------------------------------------------------------------------------------------


def _add_inbox(app: FastAPI, rooms: Rooms, acts: Acts) -> None:
    @app.get("/inbox")
    def waiting(request: Request) -> Response:
        rooms.refresh()
        return rooms.show(request, "inbox.html", "inbox", inbox=inbox.look(rooms.desk))

    @app.get("/inbox/{approval_id:path}")
    def hold(request: Request, approval_id: str) -> Response:
        rooms.refresh()
        try:
            found = acts.hold(approval_id)
        except Rejected as exc:
            return rooms.say(request, exc.message, _advice(exc), 404, back="/inbox")
        return rooms.show(request, "hold.html", "inbox", item=inbox.item(rooms.desk, found))

    def answer(request: Request, approval_id: str, form: dict[str, str], *, grant: bool) -> Response:
        def work() -> None:
            if grant:
                confirmed(form)
            acts.answer(approval_id, grant=grant, reason=form.get("reason", ""), by=PERSON)

        return act(rooms, request, work, f"/inbox/{quote(approval_id)}")

    @app.post("/inbox/{approval_id:path}/approve")
    def approve(request: Request, approval_id: str, form: Fields) -> Response:
        return answer(request, approval_id, form, grant=True)

    @app.post("/inbox/{approval_id:path}/deny")
    def deny(request: Request, approval_id: str, form: Fields) -> Response:
        return answer(request, approval_id, form, grant=False)


# -- halts -------------------------------------------------------------------------------------------------------


def _add_halts(app: FastAPI, rooms: Rooms, acts: Acts) -> None:
    @app.get("/halts")
    def halts(request: Request) -> Response:
        rooms.refresh()
        db = rooms.desk.db
        in_force = trading.halts(db, open_only=True)
        past = [halt for halt in trading.halts(db, limit=_ROWS) if halt.lifted_at is not None]
        open_orders = len(trading.orders(db, open_only=True, limit=1000))
        return rooms.show(request, "halts.html", "halts", in_force=in_force, past=past[:20], open_orders=open_orders)

    @app.get("/halt")
    def asked_for() -> Response:
        return RedirectResponse("/halts", 303)

    @app.post("/halt")
    def halt(request: Request, form: Fields) -> Response:
        reason = form.get("reason", "").strip() or "halted from the console"
        return act(rooms, request, lambda: acts.halt(form.get("scope", ""), reason=reason, by=PERSON), "/halts")

    @app.post("/resume")
    def resume(request: Request, form: Fields) -> Response:
        scope = form.get("scope", "")

        def work() -> None:
            confirmed(form, scope)
            acts.resume(scope, reason=form.get("reason", "").strip() or "resumed from the console", by=PERSON)

        return act(rooms, request, work, "/halts")


# -- orders ------------------------------------------------------------------------------------------------------


def _add_orders(app: FastAPI, rooms: Rooms, acts: Acts) -> None:
    @app.get("/orders")
    def orders(request: Request, status: str = "", strategy: str = "", instrument: str = "") -> Response:
        rooms.refresh()
        db = rooms.desk.db
        rows = trading.orders(
            db,
            status=status if status in trading.STATUSES else None,
            strategy=strategy or None,
            instrument=instrument or None,
            open_only=status == "open",
            limit=_ROWS,
        )
        return rooms.show(
            request,
            "orders.html",
            "orders",
            orders=rows,
            counts=trading.order_counts(db),
            statuses=trading.STATUSES,
            chosen={"status": status, "strategy": strategy, "instrument": instrument},
            most=_ROWS,
        )

    @app.get("/orders/{order_id}")
    def order(request: Request, order_id: str) -> Response:
        rooms.refresh()
        db, ledger = rooms.desk.db, rooms.desk.ledger
        found = trading.order(db, order_id)
        if found is None:
            return rooms.say(
                request, f"There is no order {order_id}", "The list of orders names them.", 404, back="/orders"
            )
        signal_id = found.row.signal_id
        signal = trading.signal(db, signal_id) if signal_id is not None else None
        source = signal.source if signal is not None else None
        life = life_of(ledger, found.row, source=source, halts=trading.halts(db, limit=1000))
        return rooms.show(request, "order.html", "orders", found=found, row=found.row, signal=signal, life=life)

    @app.post("/orders/{order_id}/cancel")
    def cancel(request: Request, order_id: str, form: Fields) -> Response:
        def work() -> None:
            confirmed(form)
            acts.cancel(order_id, reason=form.get("reason", ""), by=PERSON)

        return act(rooms, request, work, f"/orders/{quote(order_id, safe='')}")

    @app.post("/orders/{order_id}/replace")
    def replace(request: Request, order_id: str, form: Fields) -> Response:
        def work() -> None:
            confirmed(form)
            acts.replace(
                order_id,
                quantity=form.get("quantity", ""),
                limit_price=form.get("limit_price", ""),
                stop_price=form.get("stop_price", ""),
                by=PERSON,
            )

        return act(rooms, request, work, f"/orders/{quote(order_id, safe='')}")


# -- signals -----------------------------------------------------------------------------------------------------


def _add_signals(app: FastAPI, rooms: Rooms) -> None:
    @app.get("/signals")
    def signals(request: Request, outcome: str = "", strategy: str = "") -> Response:
        rooms.refresh()
        db = rooms.desk.db
        approved = outcome == "approved"
        rows = trading.recent_verdicts(
            db,
            outcome=outcome if outcome in _OUTCOMES else None,
            strategy=strategy or None,
            approved=True if approved else None,
            limit=_ROWS,
        )
        return rooms.show(
            request,
            "signals.html",
            "signals",
            verdicts=rows,
            undecided=trading.undecided(db),
            refused=trading.refused(db, limit=10),
            counts=trading.verdict_counts(db),
            approved=trading.approved_counts(db),
            failed=list(trading.failed_counts(db).items())[:8],
            chosen={"outcome": outcome, "strategy": strategy},
            outcomes=_OUTCOMES,
            most=_ROWS,
        )


# -- venues ------------------------------------------------------------------------------------------------------


def _add_venues(app: FastAPI, rooms: Rooms, acts: Acts) -> None:
    @app.get("/venues")
    def page(request: Request) -> Response:
        rooms.refresh()
        shown = venues.look(rooms.desk)
        return rooms.show(request, "venues.html", "venues", page=shown, now_ns=rooms.desk.clock.now_ns())

    @app.post("/venues/reconcile")
    def reconcile(request: Request) -> Response:
        return act(rooms, request, lambda: acts.reconcile(settle=False, by=PERSON), "/venues")

    @app.post("/venues/settle")
    def settle(request: Request, form: Fields) -> Response:
        def work() -> None:
            confirmed(form, "settle")
            acts.reconcile(settle=True, by=PERSON)

        return act(rooms, request, work, "/venues")
