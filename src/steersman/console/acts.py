"""What a person may do from a page: each act is one event, durable when it returns, acted on by the core."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec

from steersman.bootstrap.content import answer_review
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.scopes import unknown_scope
from steersman.kernel.errors import Misconfigured, Rejected, SteersmanError, Unavailable
from steersman.policy import approvals
from steersman.policy.halts import parse_scope
from steersman.policy.store import halt_event, resume_event
from steersman.trading import queries as trading
from steersman.trading.handlers import commands
from steersman.trading.queries import Hold, OrderRow

PERSON: Final = "person:console"
_MAX_REASON: Final = 500
_WAIT_S: Final = 0.6
"""How long an answer waits for what the core makes of it: long enough to show it, short enough to be no wait."""


class BadInput(Rejected):
    """What was sent cannot be meant: names the field, what was found and what is allowed."""


class Missing(Rejected):
    """There is nothing of that name."""


class HaltChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A scope that was halted or re-armed by the event at `pos`, and what is halted now."""

    scope: str
    pos: int
    halted: dict[str, str]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request that stands in the ledger; the core acts on it."""

    id: str
    asked: str


def status_of(exc: SteersmanError) -> int:
    """Return the HTTP status that says what kind of no this is."""
    if isinstance(exc, Missing):
        return 404
    if isinstance(exc, BadInput | Misconfigured):
        return 400
    return 503 if isinstance(exc, Unavailable) else 409


class Acts:
    """The acts on one desk; may be called from any thread.

    Raises, all of them:
        Rejected: a rule says no; nothing was recorded.
        Unavailable: the core does not take events; nothing was recorded (OutcomeUnknown: look before asking again).
    """

    def __init__(self, desk: Desk, refresh: Callable[[], None]) -> None:
        self._desk = desk
        self._refresh = refresh

    def halt(self, scope: str, *, reason: str, by: str) -> HaltChanged:
        """Stop `scope`: no order in it is sent from here on, and its open orders are asked to end."""
        scope = parse_scope(scope.strip())
        self._declared(scope)
        event = halt_event(scope, reason=_reason(reason), actor=by, now_ns=self._now())
        return self._changed(scope, self._desk.ledger.append([event]).last)

    def resume(self, scope: str, *, reason: str, by: str) -> HaltChanged:
        """Re-arm `scope`, or with `all` everything."""
        scope = parse_scope(scope.strip())
        halted = self._desk.halts.reasons
        if not halted or (scope != "all" and scope not in halted):
            raise Rejected(f"{scope} is not halted", fix=f"halted now: {', '.join(halted) or 'nothing'}")
        if not by.startswith("person:"):
            raise Rejected(f"only a person may lift a halt, not {by}", fix="resume from the console, signed in")
        event = resume_event(scope, reason=_reason(reason), actor=by, now_ns=self._now())
        return self._changed(scope, self._desk.ledger.append([event]).last)

    def answer(self, approval_id: str, *, grant: bool, reason: str, by: str) -> Hold:
        """Answer a hold; return it with what the core made of that, if it did so at once."""
        self._refresh()
        found = self.hold(approval_id)
        if found.kind == approvals.REVIEW:
            # It ends a round of review too, and the reason is a remark: private words, which no event holds.
            answer_review(self._desk, approval_id, grant=grant, reason=_reason(reason), by=by)
            self._refresh()
            return self.hold(approval_id)
        if found.status == "expired":
            raise Rejected(f"{approval_id} expired; nothing was sent", fix="the strategy has to signal again")
        approvals.answer(self._desk.ledger, approval_id, grant=grant, by=by, reason=_reason(reason), now_ns=self._now())
        return self._settled(approval_id)

    def hold(self, approval_id: str) -> Hold:
        """Return a hold as the read models know it."""
        found = trading.hold(self._desk.db, approval_id, now_ns=self._desk.time_ns())
        if found is None:
            raise Missing(f"there is no hold {approval_id!r}", fix="the inbox lists those that wait")
        return found

    def cancel(self, order_id: str, *, reason: str, by: str) -> Asked:
        """Ask for the end of an open order; the venue decides whether there is still something to end."""
        self._open_order(order_id, "cancel")
        asked = commands.cancel(self._desk.ledger, order_id, by=by, reason=_reason(reason), now_ns=self._now())
        return Asked(id=str(asked), asked=f"cancel {order_id}")

    def replace(self, order_id: str, *, quantity: str, limit_price: str, stop_price: str, by: str) -> Asked:
        """Ask for an open order to be cancelled and sent anew with other numbers; "" keeps what it was."""
        row = self._open_order(order_id, "replace")
        for field, text, old in (
            ("limit_price", limit_price, row.limit_price),
            ("stop_price", stop_price, row.stop_price),
        ):
            if text.strip() and old is None:
                raise BadInput(
                    f"{field}: found {text!r}, and a {row.order_type} order has none", fix=f"leave {field} empty"
                )
        wanted = {
            "quantity": _number("quantity", quantity),
            "limit_price": _number("limit_price", limit_price),
            "stop_price": _number("stop_price", stop_price),
        }
        if wanted["quantity"] is not None and wanted["quantity"] <= row.filled:
            raise BadInput(
                f"quantity: found {quantity}, and {row.filled:f} of it is filled already",
                fix="the new quantity is that of the whole order; cancel it to keep what is filled",
            )
        asked = commands.replace(self._desk.ledger, order_id, by=by, now_ns=self._now(), **wanted)
        return Asked(id=str(asked), asked=f"replace {order_id}")

    def reconcile(self, *, settle: bool, by: str) -> Asked:
        """Ask the core to compare the ledger with every venue; with `settle`, to take the venues' word for it."""
        if settle and not by.startswith("person:"):
            raise Rejected(f"only a person settles differences, not {by}", fix="settle from the console, signed in")
        asked = commands.reconcile(self._desk.ledger, by=by, settle=settle, now_ns=self._now())
        return Asked(id=asked, asked="settle" if settle else "reconcile")

    def _now(self) -> int:
        return self._desk.clock.now_ns()

    def _changed(self, scope: str, pos: int) -> HaltChanged:
        return HaltChanged(scope=scope, pos=pos, halted=dict(self._desk.halts.reasons))

    def _declared(self, scope: str) -> None:
        """Refuse to halt what does not exist: somebody would believe that it stands still."""
        unknown = unknown_scope(self._desk.workspace, scope)
        if unknown is not None:
            problem, fix = unknown
            raise BadInput(f"scope: {problem}", fix=fix)

    def _open_order(self, order_id: str, what: str) -> OrderRow:
        self._refresh()
        found = trading.order(self._desk.db, order_id)
        if found is None:
            raise Missing(f"there is no order {order_id!r}", fix="the list of orders names them")
        if not found.row.is_open:
            status = found.row.status.replace("_", " ")
            raise Rejected(f"order {order_id} is {status} already", fix=f"there is nothing left to {what}")
        return found.row

    def _settled(self, approval_id: str) -> Hold:
        """Wait a moment for the core; return the hold as it is then."""
        subscription = self._desk.ledger.subscribe(after=self._desk.ledger.head().pos)
        until = self._desk.clock.elapsed_ns() + int(_WAIT_S * 1e9)
        try:
            while True:
                self._refresh()
                found = self.hold(approval_id)
                left_s = (until - self._desk.clock.elapsed_ns()) / 1e9
                if found.outcome is not None or left_s <= 0 or not self._desk.through_core:
                    return found
                subscription.next(left_s)
        finally:
            subscription.close()


def _reason(text: str) -> str:
    said = " ".join(text.split())
    if len(said) > _MAX_REASON:
        raise BadInput(f"reason: {len(said)} characters, allowed: {_MAX_REASON}", fix="say it shorter")
    return said


def _number(field: str, text: str) -> Decimal | None:
    """Return a number that a person wrote; None for nothing."""
    said = text.strip()
    if not said:
        return None
    try:
        found = Decimal(said)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or found <= 0:
        raise BadInput(f"{field}: found {said!r}, allowed: a number above 0", fix="write it as 12.5")
    return found
