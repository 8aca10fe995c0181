"""Whether everything in the ledger has what it must have come from: no fill without order, no order without verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

import msgspec

from steersman.ledger import Ledger
from steersman.trading import events as e

_SHOWN: Final = 20
_LETS_GO: Final = ("accept", "adjust")


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted, and the first problems in words (all of them are counted in `broken`).

    `verdicts` are first ones, one per signal; `approved` are those after a person's yes to a held signal.
    """

    signals: int
    verdicts: int
    orders: int
    fills: int
    journal_entries: int
    broken: int
    problems: list[str]
    ok: bool
    approved: int = 0


class _Signal(msgspec.Struct):
    signal_id: str


class _Ids(msgspec.Struct):
    """The identities an event carries; those it has not are empty."""

    signal: _Signal | None = None
    signal_id: str | None = None
    approval_id: str = ""
    order_id: str = ""
    execution_id: str = ""
    venue: str = ""
    outcome: str = ""
    kind: str = ""
    approved: bool = False


class _Chain:
    """What was seen so far, and what did not fit."""

    def __init__(self) -> None:
        self.signals: set[str] = set()
        self.verdicts: dict[str, str] = {}
        self.granted: set[str] = set()
        self.second: set[str] = set()
        self.allowed: Counter[str] = Counter()
        self.orders: set[str] = set()
        self.fills: set[tuple[str, str]] = set()
        self.entries = 0
        self.told: Counter[str] = Counter()
        self.bad: list[str] = []

    def note(self, wrong: bool, pos: int, what: str) -> None:
        if wrong:
            self.bad.append(f"event {pos}: {what}" if pos else what)

    def signal(self, ids: _Ids, pos: int) -> None:
        self.signals.add(ids.signal.signal_id if ids.signal else "")

    def verdict(self, ids: _Ids, pos: int) -> None:
        signal_id = ids.signal_id or ""
        self.note(signal_id not in self.signals, pos, f"a verdict on the unknown signal {signal_id}")
        if ids.approved:
            was_held = self.verdicts.get(signal_id) == "hold"
            self.note(not was_held, pos, f"a verdict after an approval of {signal_id}, which was not held")
            asked = e.trade_approval(signal_id) in self.granted
            self.note(not asked, pos, f"a verdict after an approval of {signal_id} that nobody gave")
            self.note(signal_id in self.second, pos, f"a second verdict after the approval of {signal_id}")
            self.second.add(signal_id)
        else:
            self.note(signal_id in self.verdicts, pos, f"a second verdict on {signal_id}")
            self.verdicts[signal_id] = ids.outcome
        self.allowed[signal_id] += ids.outcome in _LETS_GO

    def grant(self, ids: _Ids, pos: int) -> None:
        self.granted.add(ids.approval_id)

    def order(self, ids: _Ids, pos: int) -> None:
        signal_id = ids.signal_id or ""
        may = self.allowed[signal_id] > 0
        self.note(not may, pos, f"order {ids.order_id} without a verdict that lets it go")
        self.allowed[signal_id] -= may
        self.note(ids.order_id in self.orders, pos, f"order {ids.order_id} a second time")
        self.orders.add(ids.order_id)

    def fill(self, ids: _Ids, pos: int) -> None:
        identity = (ids.venue, ids.execution_id)
        self.note(ids.order_id not in self.orders, pos, f"a fill of the unknown order {ids.order_id}")
        self.note(identity in self.fills, pos, f"execution {ids.execution_id} a second time")
        self.fills.add(identity)

    def entry(self, ids: _Ids, pos: int) -> None:
        self.entries += 1
        if ids.kind == "decision":
            self.told[ids.signal_id or ""] += 1

    def end(self) -> None:
        """Hold against each other what only the whole can say."""
        signals, verdicts = len(self.signals), len(self.verdicts)
        self.note(signals != verdicts, 0, f"{signals} signals, {verdicts} verdicts")
        silent = sum(self.told[signal_id] < 1 + (signal_id in self.second) for signal_id in self.verdicts)
        self.note(silent > 0, 0, f"{silent} decisions without a journal entry")
        unsent = sum(count > 0 for count in self.allowed.values())
        self.note(unsent > 0, 0, f"{unsent} verdicts that let an order go, and no order")


def check_links(ledger: Ledger) -> Links:
    """Read all trading events once, in order, and hold each against what came before it."""
    chain = _Chain()
    takes: dict[str, Callable[[_Ids, int], None]] = {
        e.SIGNAL_RECEIVED: chain.signal,
        e.VERDICT_GIVEN: chain.verdict,
        e.APPROVAL_GRANTED: chain.grant,
        e.ORDER_SUBMITTED: chain.order,
        e.ORDER_FILLED: chain.fill,
        e.JOURNAL_WRITTEN: chain.entry,
    }
    decode = msgspec.json.Decoder(_Ids).decode
    for event in ledger.read(types=tuple(takes)):
        takes[event.type](decode(event.data), event.pos)
    chain.end()
    return Links(
        signals=len(chain.signals),
        verdicts=len(chain.verdicts),
        approved=len(chain.second),
        orders=len(chain.orders),
        fills=len(chain.fills),
        journal_entries=chain.entries,
        broken=len(chain.bad),
        problems=chain.bad[:_SHOWN],
        ok=not chain.bad,
    )
