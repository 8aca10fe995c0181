"""The journal's facts as sentences: one per decision, denied ones too, and one per closed round trip."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from steersman.kernel.clock import utc
from steersman.trading import events as e
from steersman.trading.model.signal import Signal

_DID: Final = {
    "accept": "sent as asked",
    "adjust": "cut and sent",
    "hold": "held for a person",
    "reject": "refused",
}


def amount(value: Decimal) -> str:
    """Return a number for reading: thousands separated, at most four decimals, no trailing zeros."""
    return f"{value.quantize(Decimal('0.0001')).normalize():,f}"


def of_decision(signal: Signal, verdict: e.VerdictGiven) -> e.JournalWritten:
    """Return the entry of one verdict."""
    what = f"{signal.strategy} wanted to {signal.side.value} {amount(signal.quantity)} {signal.instrument}"
    price = "" if signal.price is None else f" at {amount(signal.price)}"
    note = f" ({signal.notes})" if signal.notes else ""
    sent = f", {amount(verdict.quantity)} units" if verdict.outcome == "adjust" else ""
    approved = "approved by a person, then " if verdict.approved else ""
    why = "" if verdict.outcome == "accept" else f": {verdict.why}"
    facts = {"asked": f"{verdict.asked:f}", "quantity": f"{verdict.quantity:f}", "failed": ", ".join(verdict.failed)}
    if signal.price is not None:
        facts["price"] = f"{signal.price:f}"
    return e.JournalWritten(
        entry_id=f"decision/{signal.signal_id}{'/approved' if verdict.approved else ''}",
        kind="decision",
        strategy=signal.strategy,
        instrument=signal.instrument,
        outcome=verdict.outcome,
        text=f"{what}{price}{note}: {approved}{_DID[verdict.outcome]}{sent}{why}."[:1000],
        signal_id=signal.signal_id,
        facts=facts,
        at=verdict.at,
    )


def of_unsent(signal: Signal, outcome: str, reason: str, at: int) -> e.JournalWritten:
    """Return the entry of a held signal that a person denied, or that nobody answered in time."""
    what = f"{signal.strategy} wanted to {signal.side.value} {amount(signal.quantity)} {signal.instrument}"
    return e.JournalWritten(
        entry_id=f"decision/{signal.signal_id}/{outcome}",
        kind="decision",
        strategy=signal.strategy,
        instrument=signal.instrument,
        outcome=outcome,
        text=f"{what}: held for a person, {reason}; nothing was sent."[:1000],
        signal_id=signal.signal_id,
        facts={"asked": f"{signal.quantity:f}", "quantity": "0", "failed": "APPROVAL"},
        at=at,
    )


def of_trip(trip: e.RoundTripClosed, currency: str) -> e.JournalWritten:
    """Return the entry of one closed round trip."""
    days = (trip.closed_at - trip.opened_at) / 86_400e9
    word = "made" if trip.pnl >= 0 else "lost"
    held = "less than a day" if days < 1 else f"{days:.0f} days"
    return e.JournalWritten(
        entry_id=f"trip/{trip.trip_id}",
        kind="round_trip",
        strategy=trip.strategy,
        instrument=trip.instrument,
        outcome="won" if trip.pnl > 0 else "lost" if trip.pnl < 0 else "even",
        text=(
            f"{trip.strategy} {word} {amount(abs(trip.pnl))} {currency} on {amount(trip.quantity)} {trip.instrument}:"
            f" in at {amount(trip.entry_price)} on {utc(trip.opened_at):%Y-%m-%d}, out at {amount(trip.exit_price)}"
            f" after {held}; at worst {amount(trip.mae)}, at best {amount(trip.mfe)}."
        ),
        signal_id=None,
        facts={
            "pnl": f"{trip.pnl:f}",
            "fees": f"{trip.fees:f}",
            "mae": f"{trip.mae:f}",
            "mfe": f"{trip.mfe:f}",
            "days": f"{days:.2f}",
        },
        at=trip.at,
    )
