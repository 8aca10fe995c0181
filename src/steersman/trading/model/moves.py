"""How unusual the last price move was, judged by the moves before it."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from statistics import median
from typing import Final

WINDOW: Final = 60
ENOUGH: Final = 20
_SIGMA: Final = 1.4826
_MOST: Final = 1e6


class Moves:
    """Relative moves of one instrument's closes, the latest `WINDOW` of them."""

    def __init__(self) -> None:
        self._moves: deque[float] = deque(maxlen=WINDOW + 1)
        self._last: Decimal | None = None

    def add(self, close: Decimal) -> None:
        """Take in the next close."""
        if self._last is not None:
            self._moves.append(float(close / self._last) - 1.0)
        self._last = close

    def outlier_z(self) -> float | None:
        """Return |last move - median| / (1.4826 MAD) of the moves before it, at most 1e6; None below `ENOUGH` of them.

        Source: Iglewicz and Hoaglin (1993), modified z-score; 1.4826 makes the MAD a sigma for normal data.
        """
        if len(self._moves) <= ENOUGH:
            return None
        *before, last = self._moves
        middle = median(before)
        spread = _SIGMA * median(abs(move - middle) for move in before)
        if spread == 0:
            return 0.0 if last == middle else _MOST
        return min(abs(last - middle) / spread, _MOST)
