"""What a replay reads from the ledger: every verdict's facts as a frame, and what became of the orders."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, get_type_hints

import msgspec

from steersman.kernel.fixed import to_nano
from steersman.ledger import Event, Ledger
from steersman.policy import PolicyActivated
from steersman.policy.events import ACTIVATED, HALT_LIFTED, HALT_SET, HaltLifted, HaltSet
from steersman.trading import events as e
from steersman.trading.gate.facts import Facts
from steersman.trading.gate.table import CODES, TABLE_DIGEST
from steersman.trading.model.instrument import Instrument
from steersman.trading.whatif.alternative import Scope

if TYPE_CHECKING:
    import polars as pl

FACTS: Final = tuple(Facts.__struct_fields__)
_PIECE: Final = 50_000
_MOST: Final = 2**63 - 1
_TELL_EVERY: Final = 50_000
_BITS: Final = {code: 1 << number for number, code in enumerate(CODES)}
_TYPES: Final[dict[str, Any]] = {
    e.ORDER_SUBMITTED: e.OrderSubmitted,
    e.ORDER_FILLED: e.OrderFilled,
    e.ORDER_REJECTED: e.OrderEnded,
    e.ORDER_CANCELLED: e.OrderEnded,
    e.ORDER_EXPIRED: e.OrderEnded,
    e.POSITION_ADJUSTED: e.PositionAdjusted,
    e.ACCOUNT_MARKED: e.AccountMarked,
    HALT_SET: HaltSet,
    HALT_LIFTED: HaltLifted,
}


class _Verdict(msgspec.Struct, gc=False):
    """Of a verdict, what a replay needs; its rows of checks are passed over unread."""

    signal_id: str
    strategy: str
    instrument: str
    outcome: str
    quantity: Decimal
    policy_version: int
    table: str
    failed: tuple[str, ...]
    at: int
    facts: tuple[int | bool | None, ...] = ()
    approved: bool = False


class Happening(msgspec.Struct, frozen=True, gc=False):
    """An event that changed the book or a halt, decoded; `cause` is the id of the event that led to it."""

    pos: int
    type: str
    data: Any
    cause: bytes | None


class History(msgspec.Struct, frozen=True, kw_only=True):
    """A ledger as a replay sees it.

    Attributes:
        verdicts: one row per verdict that carries its facts, in ledger order: the fields of `Facts`, and `pos`, `id`,
            `at`, `stream`, `signal_id`, `strategy`, `instrument`, `outcome`, `sent` (billionths), `scope` (index into
            `scopes`), `failed` (bit n: check n of the table), `same_table`.
        without_facts: verdicts that carry none, or those of another gate: taken as recorded.
        happenings: everything else that matters, in ledger order.
        activated: where (position) each policy version came into force, in order.
        sized_on_the_book: signals given as a target or a share of the equity.
    """

    verdicts: pl.DataFrame
    scopes: list[Scope]
    without_facts: int
    happenings: list[Happening]
    versions: dict[int, PolicyActivated]
    activated: list[tuple[int, int]]
    sized_on_the_book: int
    events: int


def read_history(
    ledger: Ledger, instruments: dict[str, Instrument], tell: Callable[[int, int], None] = lambda _done, _all: None
) -> History:
    """Read all of a ledger that decisions and their consequences are made of.

    Args:
        instruments: as declared: their venues resolve overrides per venue.
        tell: called now and then with how far reading is, and how far it has to go (positions).
    """
    reading = _Reading(instruments)
    head = ledger.head().pos
    wanted = (e.VERDICT_GIVEN, ACTIVATED, e.SIGNAL_SUBMITTED, *_TYPES)
    for event in ledger.read(types=wanted):
        reading.take(event)
        if reading.events % _TELL_EVERY == 0:
            tell(event.pos, head)
    return reading.history()


def names_in(ledger: Ledger) -> dict[str, set[str]]:
    """Return every strategy, instrument and venue that a policy of the past or a feed names, by kind."""
    found: dict[str, set[str]] = {"strategy": set(), "instrument": set(), "venue": set()}
    for event in ledger.read(types=(ACTIVATED, e.FEED_STARTED)):
        if event.type == e.FEED_STARTED:
            found["instrument"].update(msgspec.json.decode(event.data, type=e.FeedStarted).instruments)
            continue
        for name in msgspec.json.decode(event.data, type=PolicyActivated).values:
            kind, _, key = name.partition("@")[2].partition(":")
            if kind in found:
                found[kind].add(key)
    return found


class _Reading:
    """Collects rows by column, in pieces, so that a long ledger is never held as Python objects."""

    def __init__(self, instruments: dict[str, Instrument]) -> None:
        self._venues = {name: i.venue for name, i in instruments.items()}
        self._scopes: dict[Scope, int] = {}
        self._known: dict[tuple[int, str, str, bool], int] = {}
        self._rows: list[tuple[Any, ...]] = []
        self._facts: list[tuple[int | bool | None, ...]] = []
        self._pieces: list[pl.DataFrame] = []
        self._happenings: list[Happening] = []
        self._versions: dict[int, PolicyActivated] = {}
        self._activated: list[tuple[int, int]] = []
        self._sized = self._without = 0
        self.events = 0
        self._verdict = msgspec.json.Decoder(_Verdict).decode
        self._decoders = {name: msgspec.json.Decoder(kind).decode for name, kind in _TYPES.items()}

    def take(self, event: Event) -> None:
        self.events += 1
        decode = self._decoders.get(event.type)
        if decode is not None:
            cause = None if event.causation_id is None else event.causation_id.bytes
            self._happenings.append(Happening(event.pos, event.type, decode(event.data), cause))
        elif event.type == e.VERDICT_GIVEN:
            self._take_verdict(event, self._verdict(event.data))
        elif event.type == ACTIVATED:
            activated = msgspec.json.decode(event.data, type=PolicyActivated)
            self._versions[activated.version] = activated
            self._activated.append((event.pos, activated.version))
        else:
            request = msgspec.json.decode(event.data, type=e.SignalSubmitted).request
            self._sized += request.target is not None or request.risk_fraction is not None

    def _take_verdict(self, event: Event, verdict: _Verdict) -> None:
        facts, quantity = verdict.facts, to_nano(verdict.quantity)
        # A frame counts in 64 bits; nobody asked for so much that it would not fit.
        if len(facts) != len(FACTS) or not all(v is None or -_MOST <= v <= _MOST for v in (*facts, quantity)):
            self._without += 1
            return
        self._rows.append(
            (
                event.pos,
                event.id.bytes,
                verdict.at,
                event.stream,
                verdict.signal_id,
                verdict.strategy,
                verdict.instrument,
                verdict.outcome,
                quantity,
                self._scope(verdict),
                sum(_BITS.get(code, 0) for code in verdict.failed),
                verdict.table == TABLE_DIGEST,
            )
        )
        self._facts.append(facts)
        if len(self._rows) >= _PIECE:
            self._flush()

    def _scope(self, verdict: _Verdict) -> int:
        key = (verdict.policy_version, verdict.strategy, verdict.instrument, verdict.approved)
        found = self._known.get(key)
        if found is None:
            scope = Scope(
                version=verdict.policy_version,
                strategy=verdict.strategy,
                instrument=verdict.instrument,
                venue=self._venues.get(verdict.instrument, ""),
                approved=verdict.approved,
            )
            found = self._known[key] = len(self._scopes)
            self._scopes[scope] = found
        return found

    def _flush(self) -> None:
        self._pieces.append(frame_of(self._rows, self._facts))
        self._rows, self._facts = [], []

    def history(self) -> History:
        import polars as pl  # frames stay out of the process that trades

        self._flush()
        return History(
            verdicts=pl.concat(self._pieces, rechunk=True),
            scopes=list(self._scopes),
            without_facts=self._without,
            happenings=self._happenings,
            versions=self._versions,
            activated=self._activated,
            sized_on_the_book=self._sized,
            events=self.events,
        )


def frame_of(rows: Iterable[tuple[Any, ...]], facts: Iterable[tuple[int | bool | None, ...]]) -> pl.DataFrame:
    """Return verdicts as a frame; `rows` hold what is not a fact, in the order of the columns."""
    import polars as pl  # as above

    hints = get_type_hints(Facts)
    schema: dict[str, Any] = {
        "pos": pl.Int64,
        "id": pl.Binary,
        "at": pl.Int64,
        "stream": pl.String,
        "signal_id": pl.String,
        "strategy": pl.String,
        "instrument": pl.String,
        "outcome": pl.String,
        "sent": pl.Int64,
        "scope": pl.Int32,
        "failed": pl.Int64,
        "same_table": pl.Boolean,
    }
    is_flag = {name: bool in getattr(hint, "__args__", (hint,)) for name, hint in hints.items()}
    read = {name: pl.Boolean if is_flag[name] else pl.Int64 for name in FACTS}
    columns = dict(zip(schema, zip(*rows, strict=True), strict=False)) | dict(
        zip(FACTS, zip(*facts, strict=True), strict=False)
    )
    types = schema | read
    # By column: a list of rows would be looked at once more per value to find its type.
    return pl.DataFrame([pl.Series(name, columns.get(name, ()), dtype=kind) for name, kind in types.items()])
