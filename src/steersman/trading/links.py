"""Whether everything in the ledger has what it must have come from: no fill without order, no order without verdict."""

from __future__ import annotations

from typing import Final

import msgspec

from steersman.ledger import Ledger
from steersman.trading import events as e

_SHOWN: Final = 20
_TYPES: Final = (e.SIGNAL_RECEIVED, e.VERDICT_GIVEN, e.ORDER_SUBMITTED, e.ORDER_FILLED, e.JOURNAL_WRITTEN)


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted, and the first problems in words (all of them are counted in `broken`)."""

    signals: int
    verdicts: int
    orders: int
    fills: int
    journal_entries: int
    broken: int
    problems: list[str]
    ok: bool


class _Signal(msgspec.Struct):
    signal_id: str


class _Ids(msgspec.Struct):
    """The identities an event carries; those it has not are empty."""

    signal: _Signal | None = None
    signal_id: str | None = None
    order_id: str = ""
    execution_id: str = ""
    venue: str = ""
    outcome: str = ""
    kind: str = ""


def check_links(ledger: Ledger) -> Links:
    """Read all trading events once, in order, and hold each against what came before it."""
    signals: set[str] = set()
    verdicts: dict[str, str] = {}
    orders: set[str] = set()
    fills: set[tuple[str, str]] = set()
    entries: set[str] = set()
    counted = 0
    bad: list[str] = []
    decode = msgspec.json.Decoder(_Ids).decode
    for event in ledger.read(types=_TYPES):
        ids = decode(event.data)
        if event.type == e.SIGNAL_RECEIVED:
            signals.add(ids.signal.signal_id if ids.signal else "")
        elif event.type == e.VERDICT_GIVEN:
            _note(bad, ids.signal_id not in signals, event.pos, f"a verdict on the unknown signal {ids.signal_id}")
            _note(bad, ids.signal_id in verdicts, event.pos, f"a second verdict on {ids.signal_id}")
            verdicts[ids.signal_id or ""] = ids.outcome
        elif event.type == e.ORDER_SUBMITTED:
            may = verdicts.get(ids.signal_id or "") in ("accept", "adjust")
            _note(bad, not may, event.pos, f"order {ids.order_id} without a verdict that lets it go")
            _note(bad, ids.order_id in orders, event.pos, f"order {ids.order_id} a second time")
            orders.add(ids.order_id)
        elif event.type == e.ORDER_FILLED:
            identity = (ids.venue, ids.execution_id)
            _note(bad, ids.order_id not in orders, event.pos, f"a fill of the unknown order {ids.order_id}")
            _note(bad, identity in fills, event.pos, f"execution {ids.execution_id} a second time")
            fills.add(identity)
        else:
            counted += 1
            if ids.kind == "decision":
                entries.add(ids.signal_id or "")
    _note(bad, len(signals) != len(verdicts), 0, f"{len(signals)} signals, {len(verdicts)} verdicts")
    silent = sum(1 for signal_id in verdicts if signal_id not in entries)
    _note(bad, silent > 0, 0, f"{silent} decisions without a journal entry")
    return Links(
        signals=len(signals),
        verdicts=len(verdicts),
        orders=len(orders),
        fills=len(fills),
        journal_entries=counted,
        broken=len(bad),
        problems=bad[:_SHOWN],
        ok=not bad,
    )


def _note(bad: list[str], wrong: bool, pos: int, what: str) -> None:
    if wrong:
        bad.append(f"event {pos}: {what}" if pos else what)
