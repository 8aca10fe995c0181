"""A ledger decided again under other limits: read, judge at once, walk from the first difference on, report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from steersman.kernel.errors import Rejected
from steersman.ledger import Ledger
from steersman.policy.parameter import Catalogue
from steersman.trading import events as e
from steersman.trading.handlers.guardrails import Guardrails
from steersman.trading.handlers.recorded import Recorder
from steersman.trading.model.bar import Bar
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.signal import Signal
from steersman.trading.whatif.alternative import Policies
from steersman.trading.whatif.books import Books
from steersman.trading.whatif.costs import observed_schedules
from steersman.trading.whatif.history import History, read_history
from steersman.trading.whatif.market import Market
from steersman.trading.whatif.modelled import Model
from steersman.trading.whatif.outcome import Tally
from steersman.trading.whatif.report import Report, Took
from steersman.trading.whatif.summary import Asked, Found, summarised
from steersman.trading.whatif.verdicts import judge_again, recounted
from steersman.trading.whatif.walk import REPEATED, Walk

if TYPE_CHECKING:
    import polars as pl

Tell = Callable[[str, int, int], None]
CpuClock = Callable[[], float]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be tried.

    Attributes:
        changes: canonical text by full parameter name.
        defaults: what `changes` does not name has its default, instead of what was in force.
        from_ns, to_ns: desk instants; only verdicts in [from_ns, to_ns) are decided anew. None: open.
        from_day, to_day: the same as the operator wrote them.
    """

    changes: dict[str, str]
    defaults: bool = False
    from_ns: int | None = None
    to_ns: int | None = None
    from_day: str | None = None
    to_day: str | None = None

    @property
    def low(self) -> int:
        return -(2**63) if self.from_ns is None else self.from_ns

    @property
    def high(self) -> int:
        return 2**63 - 1 if self.to_ns is None else self.to_ns


def replay(
    ledger: Ledger,
    question: Question,
    *,
    catalogue: Catalogue,
    instruments: Mapping[str, Instrument],
    capital: Decimal,
    currency: str,
    cpu_s: CpuClock,
    bars: Callable[[], Iterable[Bar]] = tuple,
    tell: Tell = lambda _step, _done, _all: None,
) -> Report:
    """Decide the verdicts of `ledger` again and return what would have been otherwise.

    Args:
        instruments, capital, currency: as declared.
        bars: what the feeds brought, if it is still there: it values what only the other book holds, and fills orders
            that were never sent. Asked for only if something changes; not used where it is not what was traded on.
        cpu_s: processor seconds used so far; what each part took is in the report.
        tell: called now and then with a step and how far it is.

    Raises:
        Rejected: there is no verdict that could be given again.
    """
    began = cpu_s()
    declared = dict(instruments)
    history = read_history(ledger, declared, lambda done, of: tell("reading", done, of))
    if not history.verdicts.height:
        raise Rejected(_nothing(history), fix="`steersman signal list` shows what was decided")
    read = cpu_s()
    policies = Policies(history.versions, question.changes, catalogue, defaults=question.defaults)
    history, then = _judged(history, policies, question)
    # Marks of the account may halt everything before any verdict differs by itself.
    first = 0 if policies.guards else first_change(history.verdicts, then)
    judged = cpu_s()
    fills = [h.data for h in history.happenings if h.type == e.ORDER_FILLED]
    schedules = observed_schedules(fills)
    # Nobody needs bars where nothing changes.
    market = Market(history.verdicts, history.happenings, bars() if first < history.verdicts.height else ())
    tally = Tally()
    model = Model(market, schedules, declared, fills)
    books = Books(capital=capital, instruments=declared, market=market, model=model, tally=tally)
    walk = Walk(
        history,
        then,
        policies=policies,
        books=books,
        tally=tally,
        tries=lambda at: question.low <= at < question.high,
        guards=Guardrails(Recorder(ledger, actor="replay", feed=""), currency),
        signal_of=lambda stream, signal_id: _signal_of(ledger, stream, signal_id),
        tell=lambda done, of: tell("walking", done, of),
    )
    walk.run(first)
    took = Took(
        reading_cpu_s=round(read - began, 3),
        deciding_cpu_s=round(judged - read, 3),
        walking_cpu_s=round(cpu_s() - judged, 3),
    )
    found = Found(
        history=history, then=then, first=first, walk=walk, schedules=schedules, market=market, capital=capital
    )
    asked = Asked(
        changes=question.changes,
        defaults=question.defaults,
        from_day=question.from_day,
        to_day=question.to_day,
        currency=currency,
    )
    return summarised(asked, found, took)


def first_change(verdicts: pl.DataFrame, then: pl.DataFrame) -> int:
    """Return the number of the first row that changes what comes after it; the number of rows if none does.

    Its outcome or quantity differs, or it stops its strategy, or does not any more.
    """
    differs = (verdicts["outcome"] != then["outcome_then"]) | (verdicts["sent"] != then["sent_then"])
    differs |= (verdicts["failed"] & REPEATED) != (then["failed_then"] & REPEATED)
    place = differs.arg_true()
    return int(place[0]) if len(place) else verdicts.height


def _judged(history: History, policies: Policies, question: Question) -> tuple[History, pl.DataFrame]:
    """Return the history with facts as the other policy counts them, and its verdicts on them, recorded ones outside
    the span.
    """
    import polars as pl  # frames stay out of the process that trades

    tried = ((pl.col("at") >= question.low) & (pl.col("at") < question.high)).alias("tried")
    recorded = history.verdicts
    other = recounted(recorded, history.scopes, policies)
    if other is not recorded:
        counted = pl.when(tried).then(other["repeated_content"]).otherwise(pl.col("repeated_content"))
        history = msgspec.structs.replace(history, verdicts=recorded.with_columns(repeated_content=counted))
    then = judge_again(history.verdicts, history.scopes, policies)
    both = pl.concat([history.verdicts.select("at", "outcome", "sent", "failed"), then], how="horizontal")
    kept = both.with_columns(tried).select(
        "tried",
        *(
            pl.when("tried").then(f"{name}_then").otherwise(name).alias(f"{name}_then")
            for name in ("outcome", "sent", "failed")
        ),
    )
    return history, kept


def _nothing(history: History) -> str:
    if history.without_facts:
        return f"none of the {history.without_facts:,} verdicts carries the facts that this gate reads"
    return "the ledger holds no verdict yet"


def _signal_of(ledger: Ledger, stream: str, signal_id: str) -> Signal | None:
    for event in ledger.read(stream=stream, types=(e.SIGNAL_RECEIVED,)):
        signal = msgspec.json.decode(event.data, type=e.SignalReceived).signal
        if signal.signal_id == signal_id:
            return signal
    return None
