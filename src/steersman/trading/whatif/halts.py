"""Halts under other limits: a person's stay; those of checks and marks come and go with what is behind them."""

from __future__ import annotations

from typing import Final

from steersman.policy import HaltState
from steersman.policy.events import HaltLifted, HaltSet
from steersman.trading.whatif.alternative import GUARDS

_ALL: Final = "all"
_BY_MARK: Final = tuple(f"{name.partition('.')[2]}:" for name in GUARDS)


class Halts:
    """Two sets of halts: as recorded, and as they would have been."""

    def __init__(self) -> None:
        self._recorded: dict[str, str] = {}
        self._kept: dict[str, str] = {}
        self._added: dict[str, int] = {}
        self._dropped: set[bytes] = set()

    @property
    def then(self) -> HaltState:
        """What would have been halted."""
        return HaltState({**self._kept, **dict.fromkeys(self._added, "")})

    def would_stop(self, scope: str, at: int) -> None:
        """There would have been a halt at `at`; later signals of that instant do not see it, as live."""
        self._added.setdefault(scope, at)

    def would_not_stop(self, verdict: bytes) -> None:
        """The halt that this verdict (event id) led to would not have been."""
        self._dropped.add(verdict)

    def set(self, halt: HaltSet, cause: bytes | None, *, guarded: bool) -> None:
        """Take in a recorded halt; `guarded`: marks of the account are judged anew, so those it led to do not count."""
        self._recorded[halt.scope] = halt.reason
        by_mark = halt.scope == _ALL and halt.reason.startswith(_BY_MARK)
        if cause not in self._dropped and not (guarded and by_mark):
            self._kept[halt.scope] = halt.reason

    def lifted(self, lifted: HaltLifted) -> None:
        for scope in {*self._recorded, *self._added}:
            if lifted.scope in (scope, _ALL):
                self._recorded.pop(scope, None)
                self._kept.pop(scope, None)
                self._added.pop(scope, None)

    def halted(self, recorded: bool, *, venue: str, strategy: str, instrument: str, at: int) -> bool:
        """Return whether a signal would have met a halt; `recorded`: whether it did."""
        names = {"venue": venue, "strategy": strategy, "instrument": instrument}
        added = HaltState({scope: "" for scope, since in self._added.items() if since < at})
        if added.covering(**names) is not None:
            return True
        if not recorded or self._recorded == self._kept:
            return recorded
        known = HaltState(self._recorded).covering(**names) is not None
        return HaltState(self._kept).covering(**names) is not None if known else recorded
