"""History walked through once: each verdict as it would have been, on the book as it would have been by then."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec

from steersman.kernel.fixed import from_nano, to_nano
from steersman.policy import HaltState
from steersman.policy.events import HALT_LIFTED, HALT_SET
from steersman.trading import events as e
from steersman.trading.gate.facts import Facts, Limits, LookBack
from steersman.trading.gate.judgement import judge
from steersman.trading.handlers import observed
from steersman.trading.handlers.guardrails import Guardrails
from steersman.trading.handlers.state import State
from steersman.trading.model.lifecycle import Status
from steersman.trading.model.signal import Signal
from steersman.trading.whatif.alternative import Policies
from steersman.trading.whatif.books import Books
from steersman.trading.whatif.family import parent_of
from steersman.trading.whatif.halts import Halts
from steersman.trading.whatif.history import FACTS, Happening, History
from steersman.trading.whatif.outcome import Change, Decided, Tally
from steersman.trading.whatif.rows import Row, order_of, rows_of, signal_of
from steersman.trading.whatif.verdicts import bits_of, codes_of

if TYPE_CHECKING:
    import polars as pl

_ZERO: Final = Decimal(0)
_ENDS: Final = {
    e.ORDER_REJECTED: Status.REJECTED,
    e.ORDER_CANCELLED: Status.CANCELLED,
    e.ORDER_EXPIRED: Status.EXPIRED,
}
_SENDS: Final = ("accept", "adjust")
REPEATED: Final = bits_of(("REPEAT_EXECUTION",))
"""The check whose failure stops the strategy."""
_TELL_EVERY: Final = 5_000
_NOT_HALTED: Final = HaltState()
Find = Callable[[str, str], Signal | None]


class Walk:
    """One pass; what it found is in `books`, `changes` and `tally` once `run` returned."""

    def __init__(
        self,
        history: History,
        then: pl.DataFrame,
        *,
        policies: Policies,
        books: Books,
        tally: Tally,
        signal_of: Find,
        tries: Callable[[int], bool],
        guards: Guardrails | None,
        tell: Callable[[int, int], None],
    ) -> None:
        """Prepare.

        Args:
            then: a row per verdict: `outcome_then`, `sent_then`, `failed_then`, `tried`.
            tries: says whether an instant is in the span that is decided anew.
            guards: halts everything at marks of the account; None: nothing does.
            signal_of: finds a recorded signal by stream and id; None: it is not there.
        """
        self._history = history
        self._then = then
        self._policies = policies
        self._signal_of = signal_of
        self._tries = tries
        self._guards = guards
        self._activated = list(history.activated)
        self._version = 0
        self._tell = tell
        self._limits: dict[tuple[int, bool], Limits] = {}
        self._look_back: dict[int, LookBack] = {}
        self._halts = Halts()
        self._first: dict[tuple[str, str], str] = {}
        self.books = books
        self.tally = tally
        self.changes: list[Change] = []

    def run(self, first: int) -> None:
        """Walk through everything; verdicts before row `first` are known to be the same."""
        rows = rows_of(self._history.verdicts, self._then, first)
        row = next(rows, None)
        for number, happening in enumerate(self._history.happenings):
            while row is not None and row.pos < happening.pos:
                self._decide(row)
                row = next(rows, None)
            self._happened(happening)
            if number % _TELL_EVERY == 0:
                self._tell(number, len(self._history.happenings))
        while row is not None:
            self._decide(row)
            row = next(rows, None)

    def _happened(self, happening: Happening) -> None:
        kind, data = happening.type, happening.data
        if kind == HALT_SET:
            self._halts.set(data, happening.cause, guarded=self._guarded)
        elif kind == HALT_LIFTED:
            self._halts.lifted(data)
        else:
            self.books.advance(data.at)
            self._traded(kind, data, happening.pos)

    def _traded(self, kind: str, data: Any, pos: int) -> None:
        if kind == e.ORDER_SUBMITTED:
            self.books.submitted(data)
        elif kind == e.ORDER_FILLED:
            self.books.filled(data)
        elif kind == e.POSITION_ADJUSTED:
            self.books.adjusted(data)
        elif kind == e.ACCOUNT_MARKED:
            self._marked(self.books.marked(data), pos)
        else:
            self.books.ended(data.order_id, _ENDS[kind])

    @property
    def _guarded(self) -> bool:
        """Whether halts by marks of the account are judged anew: with other values, or on another account."""
        return self._guards is not None and (self._policies.guards or self.books.other is not None)

    def _marked(self, mark: e.AccountMarked, pos: int) -> None:
        """Halt everything where the mark there would have been calls for it."""
        if self._guards is None or not self._guarded:
            return
        while self._activated and self._activated[0][0] < pos:
            self._version = self._activated.pop(0)[1]
        snapshot = self._policies.snapshot(self._version, tried=self._tries(mark.at))
        if self._guards.of_mark(mark, snapshot, self._halts.then):
            self._halts.would_stop("all", mark.at)
            self.books.halt("all", mark.at)

    # -- decisions -------------------------------------------------------------------------------------------------

    def _decide(self, row: Row) -> None:
        self.books.advance(row.at)
        after, why = self._judged(row)
        before = row.before
        changed = (after.outcome, after.sent) != (before.outcome, before.sent)
        self._count(row, after, changed=changed)
        key = (row.strategy, row.signal_id)
        if before.outcome == "hold":
            self._first[key] = after.outcome
        self._halt(row, after)
        if changed:
            by_limits = row.tried and (after.outcome, after.sent) == (row.then.outcome, row.then.sent)
            self._change(row, after, path=not by_limits, why=why)

    def _judged(self, row: Row) -> tuple[Decided, str]:
        """Return the verdict as it would have been, and why if it is another one."""
        held = self._first.get((row.strategy, row.signal_id))
        if self._history.scopes[row.scope].approved and held not in (None, "hold"):
            return Decided("dropped", 0, 0), f"nobody would have been asked: it would have been {held} at once"
        facts = self._facts(row)
        if facts.quantity <= 0 < row.facts.quantity:
            return Decided("dropped", 0, 0), "the order it follows would not have been there, or not executed"
        if facts == row.facts:
            return row.then, "" if row.then == row.before else self._again(row, facts).why
        self.tally.recomputed += 1
        judged = self._again(row, facts)
        return Decided(judged.outcome, judged.quantity, bits_of(judged.failed)), judged.why

    def _again(self, row: Row, facts: Facts) -> Any:
        found = self._limits.get((row.scope, row.tried))
        if found is None:
            scope = self._history.scopes[row.scope]
            found = self._limits[row.scope, row.tried] = self._policies.limits(scope, tried=row.tried)
        return judge(facts, found)

    def _facts(self, row: Row) -> Facts:
        """Return the recorded facts, each moved by what the two books differ in."""
        scope = self._history.scopes[row.scope]
        halted = self._halts.halted(
            row.facts.halted, venue=scope.venue, strategy=row.strategy, instrument=row.instrument, at=row.at
        )
        other = self.books.other
        if other is None:
            return row.facts if halted == row.facts.halted else msgspec.structs.replace(row.facts, halted=halted)
        signal, parent = signal_of(row), parent_of(row.signal_id)
        group = None if parent is None else parent.group
        was = self._seen(self.books.actual.state, row, signal, group)
        now = self._seen(other.state, row, signal, group)
        changes = {
            name: _moved(getattr(row.facts, name), old, new)
            for name, old, new in zip(FACTS, was, now, strict=True)
            if old != new
        }
        if parent is not None:
            changes["quantity"] = to_nano(self.books.child_quantity(parent, signal.quantity))
        return msgspec.structs.replace(row.facts, halted=halted, **changes)

    def _seen(self, state: State, row: Row, signal: Signal, group: str | None) -> tuple[Any, ...]:
        look_back = self._look_back.get(row.scope)
        if look_back is None:
            scope = self._history.scopes[row.scope]
            look_back = self._look_back[row.scope] = self._policies.look_back(scope)
        seen = observed.facts(
            state, signal, at=row.at, halts=_NOT_HALTED, strategy_on=True, look_back=look_back, group=group
        )
        return msgspec.structs.astuple(seen)

    def _halt(self, row: Row, after: Decided) -> None:
        """Follow the halt that too many fills lead to."""
        now, before = after.failed & REPEATED, row.before.failed & REPEATED
        if now and not before:
            scope = f"strategy:{row.strategy}"
            self._halts.would_stop(scope, row.at)
            self.books.halt(scope, row.at)
        elif before and not now:
            self._halts.would_not_stop(row.id)

    # -- what follows ----------------------------------------------------------------------------------------------

    def _count(self, row: Row, after: Decided, *, changed: bool) -> None:
        self.tally.after[after.outcome] += 1
        counts = self.tally.signals[row.strategy, row.instrument]
        counts[0] += 1
        counts[1] += changed
        if after.outcome != "dropped":
            for code in codes_of(row.before.failed ^ after.failed):
                newly = bool(after.failed & bits_of((code,)))
                self.tally.flipped(code, newly=newly, decisive=changed, example=row.signal_id)

    def _change(self, row: Row, after: Decided, *, path: bool, why: str) -> None:
        before = row.before
        sent_before = from_nano(before.sent) if before.outcome in _SENDS else _ZERO
        sent_after = from_nano(after.sent) if after.outcome in _SENDS else _ZERO
        price = None if row.facts.price is None else from_nano(row.facts.price)
        flips = before.failed ^ after.failed if after.outcome != "dropped" else 0
        self.changes.append(
            Change(
                signal_id=row.signal_id,
                at=row.at,
                strategy=row.strategy,
                instrument=row.instrument,
                side="buy" if row.facts.direction > 0 else "sell",
                asked=from_nano(row.facts.quantity),
                price=price,
                before=before.outcome,
                quantity_before=from_nano(before.sent),
                after=after.outcome,
                quantity_after=from_nano(after.sent),
                newly_failed=codes_of(flips & after.failed),
                no_longer_failed=codes_of(flips & before.failed),
                path=path,
                why=why,
            )
        )
        if sent_before != sent_after:
            self.tally.order(sent_before, sent_after, price or _ZERO)
        if sent_before:
            self.books.plan(row.strategy, row.signal_id, sent_after)
        elif sent_after:
            signal = self._signal_of(row.stream, row.signal_id) or signal_of(row)
            self.books.add(order_of(row, signal, sent_after, self._history.scopes[row.scope]))


def _moved(recorded: Any, old: Any, new: Any) -> Any:
    """Return a recorded fact, moved by what the books differ in; a flag or an unknown one is the other book's."""
    if isinstance(new, bool) or None in (recorded, old, new):
        return new
    return recorded + (new - old)
