"""`[venue.NAME]` with `kind = "paper"`."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Literal

from steersman.kernel.durations import seconds
from steersman.trading.settings import VenueSettings


class PaperSettings(VenueSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the simulated market treats us.

    Attributes:
        seed: same seed, same fills.
        latency: span between sending and arriving; only a later price can fill.
        fee_bps, fee_min: of the traded value, and at least this much currency per order.
        slippage_bps: how far a market order moves the price against us, on average.
        participation: largest share (0..1) of a bar's volume that our orders together take.
    """

    mode: Literal["simulated"] = "simulated"
    seed: int = 1
    latency: str = "0s"
    fee_bps: Decimal = Decimal(0)
    fee_min: Decimal = Decimal(0)
    slippage_bps: Decimal = Decimal(0)
    participation: Decimal = Decimal(1)

    @property
    def latency_ns(self) -> int:
        return round(seconds(self.latency) * 1e9)

    def problems(self) -> Iterator[tuple[str, str, str]]:
        try:
            seconds(self.latency)
        except ValueError as exc:
            yield "latency", str(exc), 'write e.g. latency = "250ms"'
        for field, low, high in (("fee_bps", 0, 1000), ("fee_min", 0, 10_000), ("slippage_bps", 0, 1000)):
            value = getattr(self, field)
            if not value.is_finite() or not low <= value <= high:
                yield field, f"found {value}, allowed: {low} to {high}", f'write {field} = "1"'
        if not self.participation.is_finite() or not 0 < self.participation <= 1:
            yield (
                "participation",
                f"found {self.participation}, allowed: above 0, at most 1",
                'write participation = "0.1"',
            )
