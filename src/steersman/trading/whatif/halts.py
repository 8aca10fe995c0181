"""Halts under other limits: a person's stay; those the gate set itself come and go with the check behind them."""

from __future__ import annotations

from steersman.policy import HaltState
from steersman.policy.events import HaltLifted, HaltSet


class Halts:
    """Two sets of halts: as recorded, and as they would have been."""

    def __init__(self) -> None:
        self._recorded: dict[str, str] = {}
        self._kept: dict[str, str] = {}
        self._added: dict[str, int] = {}
        self._dropped: set[bytes] = set()

    def would_stop(self, strategy: str, at: int) -> None:
        """The gate would have stopped a strategy at `at`; a session's later signals do not see it, as live."""
        self._added.setdefault(f"strategy:{strategy}", at)

    def would_not_stop(self, verdict: bytes) -> None:
        """The halt that this verdict (event id) led to would not have been."""
        self._dropped.add(verdict)

    def set(self, halt: HaltSet, cause: bytes | None) -> None:
        self._recorded[halt.scope] = halt.reason
        if cause not in self._dropped:
            self._kept[halt.scope] = halt.reason

    def lifted(self, lifted: HaltLifted) -> None:
        for scope in {*self._recorded, *self._added}:
            if lifted.scope in (scope, "all"):
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
