"""Buys what fell unusually far below its 20-day mean, and sells when it is back there.

The deeper the fall, the larger the order; the policy of the sample desk asks a person about the largest ones. The
strategy does not know what became of its orders: if one was held or refused, the gate also refuses the sale.
"""

from collections import deque
from decimal import Decimal
from statistics import median

from steersman.trading import Bar, buy, sell

TO_SIGMA = 1.4826  # a median absolute deviation times this is a standard deviation, for normal data


class Strategy:
    def __init__(self, window: int = 20, deviations: float = 2.0, money: int = 4_000) -> None:
        self.window = window
        self.deviations = deviations
        self.money = money  # USD per deviation below the mean
        self.closes: dict[str, deque[Decimal]] = {}
        self.bought: dict[str, int] = {}

    def on_bar(self, bar: Bar):
        closes = self.closes.setdefault(bar.instrument, deque(maxlen=self.window))
        closes.append(bar.close)
        if len(closes) < self.window:
            return
        middle = median(closes)
        spread = TO_SIGMA * float(median(abs(c - middle) for c in closes))
        depth = float(middle - bar.close) / spread if spread else 0.0
        held = self.bought.get(bar.instrument, 0)
        if depth > self.deviations and not held:
            units = int(Decimal(self.money * min(depth, 6.0)) / bar.close)
            if units:
                self.bought[bar.instrument] = units
                yield buy(bar.instrument, units, notes=f"{depth:.1f} deviations below {middle:.2f}")
        elif depth <= 0 and held:
            self.bought[bar.instrument] = 0
            yield sell(bar.instrument, held, notes=f"back at {middle:.2f}")
