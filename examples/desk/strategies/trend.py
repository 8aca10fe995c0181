"""Follows trends: buys when the 20-day mean of the closes crosses above the 100-day mean, sells when it falls back.

Sizes by risk: a quiet stock gets a larger order than a wild one, so that an ordinary day costs about the same in both.
Whether an order is too large for the desk is not decided here; the gate does that.
"""

from collections import deque
from decimal import Decimal

from steersman.trading import Bar, buy, sell


class Strategy:
    def __init__(self, fast: int = 20, slow: int = 100, risk: int = 250) -> None:
        self.fast, self.slow = fast, slow
        self.risk = Decimal(risk)  # what an ordinary day's range may cost, in USD
        self.bars: dict[str, deque[Bar]] = {}
        self.bought: dict[str, int] = {}  # units we asked for, by instrument

    def on_bar(self, bar: Bar):
        bars = self.bars.setdefault(bar.instrument, deque(maxlen=self.slow))
        bars.append(bar)
        if len(bars) < self.slow:
            return
        closes = [b.close for b in bars]
        fast, slow = sum(closes[-self.fast :]) / self.fast, sum(closes) / self.slow
        held = self.bought.get(bar.instrument, 0)
        if fast > slow and not held:
            usual_range = sum(b.high - b.low for b in list(bars)[-self.fast :]) / self.fast
            units = int(self.risk / usual_range)
            if units:
                self.bought[bar.instrument] = units
                yield buy(bar.instrument, units, notes=f"{self.fast}-day mean {fast:.2f} above {slow:.2f}")
        elif fast < slow and held:
            self.bought[bar.instrument] = 0
            yield sell(bar.instrument, held, notes=f"{self.fast}-day mean {fast:.2f} below {slow:.2f}")
