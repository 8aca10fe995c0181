"""From what a walk found to the report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from steersman.trading import events as e
from steersman.trading.gate.table import CODES
from steersman.trading.whatif.account import Account
from steersman.trading.whatif.costs import Schedule
from steersman.trading.whatif.history import History
from steersman.trading.whatif.market import Market
from steersman.trading.whatif.outcome import Mark, Sent
from steersman.trading.whatif.report import (
    CheckChange,
    FeeModel,
    OrderCount,
    Orders,
    Point,
    Report,
    Result,
    Slice,
    Took,
)
from steersman.trading.whatif.verdicts import codes_of
from steersman.trading.whatif.walk import Walk

if TYPE_CHECKING:
    import polars as pl

OUTCOMES: Final = ("accept", "adjust", "hold", "reject")
_ZERO: Final = Decimal(0)
_MOST_MARKS: Final = 20_000
_DAY_NS: Final = 24 * 3600 * 10**9
_EXACT: Final = (
    "Blocked and shrunk orders are exact as long as the strategies' signals do not depend on fills (they do not see"
    " them), our size did not move the price and no order of ours took what another one wanted; a smaller order gets"
    " the first units of what the larger one got."
)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the report repeats of the question."""

    changes: dict[str, str]
    defaults: bool
    from_day: str | None
    to_day: str | None
    currency: str


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A finished walk. `first`: the row from which on verdicts were decided one by one."""

    history: History
    then: pl.DataFrame
    first: int
    walk: Walk
    schedules: Mapping[str, Schedule]
    market: Market
    capital: Decimal


def summarised(asked: Asked, found: Found, took: Took) -> Report:
    """Return the report on a walk."""
    history, walk, tally = found.history, found.walk, found.walk.tally
    _count_untouched(found)
    changes = tuple(walk.changes)
    before, after = _result(found, other=False), _result(found, other=True)
    strategies, instruments = _slices(found)
    return Report(
        policy=asked.changes,
        defaults=asked.defaults,
        currency=asked.currency,
        from_day=asked.from_day,
        to_day=asked.to_day,
        signals=history.verdicts.height,
        decided_anew=int(found.then["tried"].sum()),
        changed=len(changes),
        by_limits=sum(1 for c in changes if not c.path),
        by_path=sum(1 for c in changes if c.path),
        verdicts_before=_in_order(dict(history.verdicts.group_by("outcome").len().iter_rows())),
        verdicts_after=_in_order(tally.after),
        before=before,
        after=after,
        pnl_difference=after.pnl - before.pnl,
        fees_difference=after.fees - before.fees,
        orders=Orders(
            avoided=_count(tally.avoided),
            shrunk=_count(tally.shrunk),
            added=_count(tally.added),
            grown=_count(tally.grown),
        ),
        checks=tuple(
            CheckChange(
                code=code,
                newly_fails=flip.newly,
                no_longer_fails=flip.no_longer,
                decisive=flip.decisive,
                examples=tuple(flip.examples),
            )
            for code, flip in sorted(tally.flips.items(), key=lambda item: (-item[1].decisive, CODES.index(item[0])))
        ),
        strategies=strategies,
        instruments=instruments,
        changes=changes,
        exact=history.verdicts.height - tally.recomputed,
        recomputed=tally.recomputed,
        modelled_fills=tally.modelled_fills,
        bars_used=tuple(sorted(found.market.used)),
        bars_refused=tuple(sorted(found.market.refused)),
        stale_marks=tally.stale_marks,
        marks_off=sum(1 for mark in walk.books.marks if mark.recorded != mark.folded),
        other_table=int((~history.verdicts["same_table"]).sum()),
        without_facts=history.without_facts,
        sized_on_the_book=history.sized_on_the_book,
        fees=tuple(_fees(venue, schedule) for venue, schedule in sorted(found.schedules.items())),
        note=_note(found),
        curve=tuple(
            Point(m.at, m.recorded, m.other, round(float(m.drawdown), 9), round(float(m.drawdown_other), 9))
            for m in _thinned(walk.books.marks)
        ),
        took=took,
    )


def _count_untouched(found: Found) -> None:
    """Count the verdicts before the first difference, all at once: checks may fail there that decide nothing."""
    import polars as pl  # frames stay out of the process that trades

    tally = found.walk.tally
    both = pl.concat([found.history.verdicts, found.then], how="horizontal").head(found.first)
    for outcome, count in both.group_by("outcome").len().iter_rows():
        tally.after[outcome] += count
    for strategy, instrument, count in both.group_by("strategy", "instrument").len().iter_rows():
        tally.signals[strategy, instrument][0] += count
    flips = both.filter(pl.col("failed") != pl.col("failed_then")).select("signal_id", "failed", "failed_then")
    for signal_id, failed, then in flips.iter_rows():
        for code in codes_of(failed ^ then):
            newly = code in codes_of(then)
            tally.flipped(code, newly=newly, decisive=False, example=signal_id)


def _result(found: Found, *, other: bool) -> Result:
    books = found.walk.books
    account: Account = books.best if other else books.actual
    last = books.marks[-1] if books.marks else None
    folded = books.actual.state.book.equity()
    # As recorded, and moved by what fills since the last mark and the other book make of it.
    recorded = folded if last is None else last.recorded + (folded - last.folded)
    equity = recorded + (account.state.book.equity() - folded)
    added = found.walk.tally.added.orders - found.walk.tally.avoided.orders if other else 0
    sent = sum(1 for h in found.history.happenings if h.type == e.ORDER_SUBMITTED)
    return Result(
        equity=equity,
        pnl=equity - found.capital,
        fees=sum(account.fees.values(), _ZERO),
        max_drawdown=round(float(account.drawdown), 9),
        orders=sent + added,
    )


def _slices(found: Found) -> tuple[tuple[Slice, ...], tuple[Slice, ...]]:
    """Return the results by strategy and by instrument."""
    books, signals = found.walk.books, found.walk.tally.signals
    before, after = books.actual, books.best
    columns = (before.pnl(), after.pnl(), before.fees, after.fees)
    made = []
    for part in (0, 1):
        counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        money: defaultdict[str, list[Decimal]] = defaultdict(lambda: [_ZERO] * 4)
        for key, (all_, changed) in signals.items():
            counts[key[part]][0] += all_
            counts[key[part]][1] += changed
        for place, column in enumerate(columns):
            for key, value in column.items():
                money[key[part]][place] += value
        made.append(tuple(_slice(name, counts[name], money[name]) for name in sorted({*counts, *money})))
    return made[0], made[1]


def _thinned(marks: Sequence[Mark]) -> Iterable[Mark]:
    """Return the marks, of very many the last of each day (UTC)."""
    return marks if len(marks) <= _MOST_MARKS else {mark.at // _DAY_NS: mark for mark in marks}.values()


def _slice(name: str, counts: list[int], money: list[Decimal]) -> Slice:
    signals, changed = counts
    pnl_before, pnl_after, fees_before, fees_after = money
    return Slice(name, signals, changed, pnl_before, pnl_after, fees_before, fees_after)


def _in_order(counts: Mapping[str, int]) -> dict[str, int]:
    more = sorted(name for name in counts if name not in OUTCOMES)
    return {name: counts.get(name, 0) for name in (*OUTCOMES, *more)}


def _count(sent: Sent) -> OrderCount:
    return OrderCount(orders=sent.orders, value=sent.value)


def _fees(venue: str, schedule: Schedule) -> FeeModel:
    return FeeModel(
        venue=venue,
        fee_bps=schedule.fee_bps,
        fee_min=schedule.fee_min,
        slippage_bps=schedule.slippage_bps,
        explains=schedule.explains,
        fills=schedule.fills,
    )


def _note(found: Found) -> str:
    """Say what is exact, what is a model, and what could not be decided again."""
    tally, history = found.walk.tally, found.history
    said = [_EXACT]
    modelled = tally.added.orders + tally.grown.orders
    if modelled:
        how = "the next bar" if found.market.used else "the next price the ledger knows"
        said.append(
            f"Model-based for {modelled:,} orders that would have been added or larger: {how}, the venue's median"
            " slippage and its fees."
        )
    if found.market.refused:
        said.append(
            f"The feed's bars of {', '.join(sorted(found.market.refused))} are not those that were traded on, and are"
            " not used."
        )
    if tally.stale_marks:
        said.append(f"In {tally.stale_marks:,} sessions something held only there is valued at an older price.")
    if history.sized_on_the_book:
        said.append(
            f"{history.sized_on_the_book:,} signals were sized on the book as it was (a target, a share of the equity)"
            " and keep that size."
        )
    if history.without_facts:
        said.append(f"{history.without_facts:,} verdicts carry no facts of this gate and are taken as recorded.")
    other = int((~history.verdicts["same_table"]).sum())
    if other:
        said.append(f"{other:,} verdicts were given under another table of checks: that alone may change them.")
    if not found.schedules:
        return " ".join(
            [*said, *(["No fill tells what a venue charges: added orders pay nothing."] if modelled else [])]
        )
    rough = [venue for venue, schedule in found.schedules.items() if not schedule.is_exact]
    if rough and (tally.shrunk.orders or modelled):
        said.append(f"Fees of {', '.join(sorted(rough))} follow no simple rule: they are scaled by value.")
    return " ".join(said)
