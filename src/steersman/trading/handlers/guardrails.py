"""Automatic halts: what the account's marks may reach before everything stops. Only a person lifts a halt."""

from __future__ import annotations

from decimal import Decimal

from steersman.ledger import NewEvent
from steersman.policy import HaltSet, HaltState, Snapshot
from steersman.policy.events import HALT_SET, HALT_STREAM
from steersman.trading import events as e
from steersman.trading.handlers import journal
from steersman.trading.handlers.recorded import Recorder


class Guardrails:
    """Halts once per breach: lifted by a person, a halt comes again only after the value was back within bounds."""

    def __init__(self, recorder: Recorder, currency: str) -> None:
        self._record = recorder
        self._currency = currency
        self._beyond: set[str] = set()

    def of_mark(self, mark: e.AccountMarked, snapshot: Snapshot, halts: HaltState) -> list[NewEvent]:
        """Return the halt that a mark of the account calls for, if any."""
        made: list[NewEvent] = []
        drawdown = Decimal(str(mark.drawdown_ratio))
        for name, seen, unit in (
            ("halt_daily_loss", -mark.day_pnl, f" {self._currency}"),
            ("halt_drawdown", drawdown, ""),
        ):
            limit = snapshot.decimal(f"trading.{name}")
            if limit is None or seen <= limit:
                self._beyond.discard(name)
                continue
            if name in self._beyond or "all" in halts.reasons:
                continue
            self._beyond.add(name)
            what = "lost today" if name == "halt_daily_loss" else "below the highest equity"
            reason = f"{name}: {journal.amount(seen)}{unit} {what}, more than {journal.amount(limit)}{unit}"
            data = HaltSet(scope="all", reason=reason)
            made.append(self._record.event(HALT_SET, data, at=mark.at, stream=HALT_STREAM, key=(name, str(mark.at))))
        return made
