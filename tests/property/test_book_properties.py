"""What the book must keep, whatever is traded: cash and costs add up, trips are the realised result."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from steersman.trading.model.bar import Bar
from steersman.trading.model.book import Book, Trip
from steersman.trading.model.signal import Side

CAPITAL = Decimal(100_000)


class Fill(msgspec.Struct, frozen=True):
    strategy: str
    instrument: str
    side: Side
    quantity: int
    cents: int
    fee_cents: int


fills = st.lists(
    st.builds(
        Fill,
        st.sampled_from(["trend", "reversion"]),
        st.sampled_from(["IBM", "MSFT"]),
        st.sampled_from(Side),
        st.integers(1, 300),
        st.integers(1, 50_000),
        st.integers(0, 999),
    ),
    max_size=12,
)


def take(book: Book, fill: Fill, at: int, quantity: int | None = None, fee_cents: int | None = None) -> list[Trip]:
    return book.fill(
        strategy=fill.strategy,
        instrument=fill.instrument,
        side=fill.side,
        quantity=Decimal(fill.quantity if quantity is None else quantity),
        price=Decimal(fill.cents) / 100,
        fee=Decimal(fill.fee_cents if fee_cents is None else fee_cents) / 100,
        at=at,
    )


def booked(all_fills: Sequence[Fill]) -> tuple[Book, list[Trip]]:
    book = Book(CAPITAL)
    return book, [trip for at, fill in enumerate(all_fills, start=1) for trip in take(book, fill, at)]


def a_bar(instrument: str, cents: int, at: int = 1) -> Bar:
    price = Decimal(cents) / 100
    return Bar(instrument=instrument, at=at, open=price, high=price, low=price, close=price, volume=Decimal(1))


def at_cost(all_fills: Sequence[Fill], trips: Sequence[Trip]) -> Decimal:
    """Return what is still held at its entry prices: all that was traded, less what trips took out again."""
    traded = sum((sign(f.side) * f.quantity * Decimal(f.cents) / 100 for f in all_fills), Decimal(0))
    closed = sum((sign(t.side) * t.quantity * (t.entry_price - t.exit_price) for t in trips), Decimal(0))
    return traded - closed


def sign(side: Side) -> int:
    return 1 if side is Side.BUY else -1


@given(fills)
def test_cash_moves_by_what_was_traded_and_paid(all_fills: list[Fill]) -> None:
    book, _ = booked(all_fills)
    traded = sum((sign(f.side) * f.quantity * Decimal(f.cents) for f in all_fills), Decimal(0)) / 100
    assert book.cash == CAPITAL - traded - Decimal(sum(f.fee_cents for f in all_fills)) / 100


@given(fills)
def test_positions_are_the_sum_of_fills_and_of_what_each_strategy_holds(all_fills: list[Fill]) -> None:
    book, _ = booked(all_fills)
    for name in ("IBM", "MSFT"):
        expected = sum(sign(f.side) * f.quantity for f in all_fills if f.instrument == name)
        assert book.position(name) == expected
        assert sum(book.own_position(s, name) for s in ("trend", "reversion")) == expected
    assert 0 not in book.positions().values()


@given(fills)
def test_trips_are_the_realised_result_and_with_open_fees_everything_adds_up(all_fills: list[Fill]) -> None:
    book, trips = booked(all_fills)
    assert book.realised == sum((t.pnl for t in trips), Decimal(0))
    paid = Decimal(sum(f.fee_cents for f in all_fills)) / 100
    open_fees = paid - sum((t.fees for t in trips), Decimal(0))
    assert open_fees >= 0
    # Nothing is held: every cent of the change in cash is in some trip.
    assert book.cash + at_cost(all_fills, trips) == CAPITAL + book.realised - open_fees


@given(fills)
def test_once_all_is_closed_every_fee_is_in_one_trip_and_cash_is_capital_plus_trips(all_fills: list[Fill]) -> None:
    book, trips = booked(all_fills)
    paid = sum(f.fee_cents for f in all_fills)
    for strategy in ("trend", "reversion"):
        for name in ("IBM", "MSFT"):
            held = int(book.own_position(strategy, name))
            if held:
                side = Side.SELL if held > 0 else Side.BUY
                trips += take(book, Fill(strategy, name, side, abs(held), 10_000, 7), 1_000)
                paid += 7
    assert book.positions() == {}
    assert sum((t.fees for t in trips), Decimal(0)) == Decimal(paid) / 100
    assert book.cash == CAPITAL + sum((t.pnl for t in trips), Decimal(0)) == CAPITAL + book.realised


@given(fills, st.integers(1, 50_000), st.integers(1, 50_000))
def test_equity_is_capital_plus_what_was_made_and_what_is_open(all_fills: list[Fill], ibm: int, msft: int) -> None:
    book, trips = booked(all_fills)
    for bar in (a_bar("IBM", ibm), a_bar("MSFT", msft)):
        book.mark(bar)
    closes = {"IBM": Decimal(ibm) / 100, "MSFT": Decimal(msft) / 100}
    value = sum((units * closes[name] for name, units in book.positions().items()), Decimal(0))
    unrealised = value - at_cost(all_fills, trips)
    open_fees = Decimal(sum(f.fee_cents for f in all_fills)) / 100 - sum((t.fees for t in trips), Decimal(0))
    assert book.equity() == CAPITAL + book.realised + unrealised - open_fees


@given(fills, st.data())
def test_a_fill_in_parts_gives_the_same_book(all_fills: list[Fill], data: st.DataObject) -> None:
    whole, trips = booked(all_fills)
    book, parts = Book(CAPITAL), []
    for at, fill in enumerate(all_fills, start=1):
        first = data.draw(st.integers(0, fill.quantity))
        fee = fill.fee_cents if first == fill.quantity else 0
        for quantity, cents in ((first, fee), (fill.quantity - first, fill.fee_cents - fee)):
            if quantity:
                parts += take(book, fill, at, quantity, cents)
    assert (book.cash, book.positions()) == (whole.cash, whole.positions())
    # Which part carries the fee may move it between a trip and what is open, never the rest.
    assert sum((t.pnl + t.fees for t in parts), Decimal(0)) == sum((t.pnl + t.fees for t in trips), Decimal(0))
    assert sum((t.quantity for t in parts), Decimal(0)) == sum((t.quantity for t in trips), Decimal(0))


@given(fills)
def test_a_trip_closes_the_oldest_lot_and_its_worst_and_best_contain_its_result(all_fills: list[Fill]) -> None:
    _, trips = booked(all_fills)
    opened: dict[tuple[str, str], int] = {}
    for trip in trips:
        assert trip.opened_at <= trip.closed_at
        key = (trip.strategy, trip.instrument)
        assert trip.opened_at >= opened.get(key, 0)
        opened[key] = trip.opened_at
        assert trip.mae <= 0 <= trip.mfe
        assert trip.mae <= trip.pnl + trip.fees <= trip.mfe


@given(st.lists(st.integers(1, 50_000), min_size=1, max_size=30))
def test_drawdown_is_measured_from_the_highest_end_of_a_session(closes: list[int]) -> None:
    book = Book(CAPITAL)
    take(book, Fill("trend", "IBM", Side.BUY, 100, 10_000, 0), 1)
    peak = CAPITAL
    for at, cents in enumerate(closes, start=1):
        book.mark(a_bar("IBM", cents, at))
        before = book.marked
        book.close_session()
        equity = CAPITAL + 100 * (Decimal(cents) / 100 - 100)
        peak = max(peak, equity)
        assert (book.equity(), book.marked, book.before) == (equity, equity, before)
        assert book.drawdown() == 1 - equity / peak
        assert 0 <= book.drawdown() < 1
