"""A signal as it comes from outside: through the API, a webhook, a file or the command line. Decoded once, here."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec

from steersman.trading.model.signal import Side, TimeInForce

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]


class SignalRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody asks for. How much, said in one of three ways: `quantity`, `target` or `risk_fraction`.

    Attributes:
        signal_id: unique within the source: the same one again is the same signal, never a second order.
        strategy, instrument: as declared in steersman.toml.
        side: buy or sell; left out with `target`, which says it.
        quantity: units, > 0.
        target: signed units the strategy wants to hold afterwards; the order is what is missing.
        risk_fraction: share of the equity (0..1) that is lost if `stop_loss` is reached.
        limit_price: makes it a limit order; currency per unit.
        stop_price: makes it a stop order (with `limit_price`: a stop-limit order).
        stop_loss, take_profit: prices of a bracket around the entry.
        created_at: when the source made it, ISO 8601 with an offset; left out: now.
        price: the price the source saw.
        confidence: 0..1.
    """

    signal_id: Name
    strategy: Name
    instrument: Name
    side: Side | None = None
    quantity: Decimal | None = None
    target: Decimal | None = None
    risk_fraction: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    created_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    price: Decimal | None = None
    confidence: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    notes: Annotated[str, msgspec.Meta(max_length=500)] = ""
