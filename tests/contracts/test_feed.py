"""The promises of the feed port, kept by every adapter that can be run here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import takewhile
from pathlib import Path

import pytest

from steersman.bootstrap.plugins import factory, names
from steersman.kernel.clock import FakeClock, to_ns
from steersman.kernel.errors import Misconfigured
from steersman.trading.model.instrument import Instrument
from steersman.trading.ports import Feed, Session
from steersman.trading.settings import FeedSettings

FEEDS = ("follow", "replay")
FORMATS = ("csv", "parquet")
COLUMNS = ("date", "open", "high", "low", "close", "volume")
A = ("2024-01-02,100,102,99,101,1000", "2024-01-03,101,103,100,102,1100", "2024-01-04,102,104,101,103,1200")
B = ("2024-01-03,50,51,49,50.5,10", "2024-01-05,50.5,52,50,51,20")
pytestmark = [pytest.mark.parametrize("kind", FEEDS), pytest.mark.parametrize("form", FORMATS)]


def a_feed(kind: str, form: str, root: Path, files: Mapping[str, tuple[str, ...]], **settings: object) -> Feed:
    """Write one file per instrument and return the feed over them."""
    for name, rows in files.items():
        text = "\n".join([",".join(COLUMNS), *rows]) + "\n"
        if form == "csv":
            (root / f"{name}.csv").write_text(text, encoding="utf-8")
        else:
            import polars as pl

            frame = pl.DataFrame([r.split(",") for r in rows], schema=dict.fromkeys(COLUMNS, pl.String), orient="row")
            frame.write_parquet(root / f"{name}.parquet")
    instruments = {
        name: Instrument(name=name, tick=Decimal("0.01"), lot=Decimal(1), currency="USD", venue="paper")
        for name in files
    }
    made: Feed = factory("feeds", kind)(
        settings=FeedSettings(kind=kind, files=f"{{instrument}}.{form}", wait="0s", **settings),  # type: ignore[arg-type]  # fields by name
        instruments=instruments,
        root=root,
        clock=FakeClock(),
    )
    return made


def sessions(feed: Feed) -> list[Session]:
    """Return what stands in the files; a feed that follows them says None then."""
    return [s for s in takewhile(lambda session: session is not None, feed.sessions()) if s is not None]


def at(day: int, hour: int = 16) -> int:
    return to_ns(datetime(2024, 1, day, hour, tzinfo=UTC))


def shape(sessions: list[Session]) -> list[tuple[int, list[str], list[str]]]:
    return [(s.at, [b.instrument for b in s.bars], [b.reason for b in s.bad]) for s in sessions]


def test_every_installed_feed_is_held_to_this_contract(kind: str, form: str) -> None:
    assert set(names("feeds")) == set(FEEDS)


def test_bars_of_one_instant_come_together_and_instants_only_go_forward(kind: str, form: str, tmp_path: Path) -> None:
    feed = a_feed(kind, form, tmp_path, {"A": A, "B": B})
    assert shape(sessions(feed)) == [
        (at(2), ["A"], []),
        (at(3), ["A", "B"], []),
        (at(4), ["A"], []),
        (at(5), ["B"], []),
    ]
    assert feed.total() == (None if feed.live else 4)


def test_each_pass_starts_from_the_beginning_and_gives_the_same(kind: str, form: str, tmp_path: Path) -> None:
    feed = a_feed(kind, form, tmp_path, {"A": A, "B": B})
    half = iter(sessions(feed))
    next(half)
    assert sessions(feed) == sessions(feed)
    assert next(half).at == at(3)


def test_numbers_are_exactly_those_that_are_written(kind: str, form: str, tmp_path: Path) -> None:
    (session,) = sessions(a_feed(kind, form, tmp_path, {"A": ("2024-01-02,0.1,0.3,0.1,0.2,7",)}))
    (bar,) = session.bars
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == tuple(
        map(Decimal, ("0.1", "0.3", "0.1", "0.2", "7"))
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2024-01-03,NaN,103,100,102,1", "open is NaN"),
        ("2024-01-03,101,Infinity,100,102,1", "high is Infinity"),
        ("2024-01-03,101,103,-1,102,1", "low is negative"),
        ("2024-01-03,101,103,100,0,1", "close is zero"),
        ("2024-01-03,101,103,100,,1", "close is not a number"),
        ("2024-01-03,abc,103,100,102,1", "open is not a number"),
        ("2024-01-03,101,99,100,102,1", "high 99 is below low 100"),
        ("2024-01-03,101,103,100,104,1", "lies outside 100 to 103"),
        ("2024-01-03,99,103,100,102,1", "lies outside 100 to 103"),
        ("2024-01-03,101,103,100,102,-5", "volume is negative"),
        ("2024-01-03,101.00000000001,103,100,102,1", "finer than a billionth"),
        ("2024-13-03,101,103,100,102,1", "date is neither"),
        (",101,103,100,102,1", "date is neither"),
        ("2024-01-02,101,103,100,102,1", "second bar of the same instant"),
        ("2023-12-29,101,103,100,102,1", "older than the bar before it"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_and_the_rest_goes_on(
    kind: str, form: str, row: str, reason: str, tmp_path: Path
) -> None:
    found = sessions(a_feed(kind, form, tmp_path, {"A": (A[0], row, A[2])}))
    (bad,) = (bad for session in found for bad in session.bad)
    assert reason in bad.reason
    assert bad.instrument == "A"
    # A CSV file counts its header, as an editor does; a Parquet file has rows only.
    assert bad.place == f"A.{form}:{3 if form == 'csv' else 2}"
    assert bad.found
    assert [b.at for s in found for b in s.bars] == [at(2), at(4)]
    assert [s.at for s in found] == sorted({s.at for s in found})


def test_weekends_are_no_gap_and_missing_weekdays_are(kind: str, form: str, tmp_path: Path) -> None:
    rows = ("2024-01-05,1,1,1,1,1", "2024-01-08,1,1,1,1,1", "2024-01-16,1,1,1,1,1")
    found = sessions(a_feed(kind, form, tmp_path, {"A": rows}))
    assert [(g.missing, g.from_at, g.to_at) for s in found for g in s.gaps] == [(5, at(8), at(16))]


def test_only_the_days_asked_for_are_taken_and_a_bar_is_known_at_its_close(
    kind: str, form: str, tmp_path: Path
) -> None:
    from datetime import date, time

    feed = a_feed(
        kind, form, tmp_path, {"A": A}, start=date(2024, 1, 3), end=date(2024, 1, 3), tz="America/New_York",
        close_time=time(16),
    )  # fmt: skip
    assert [s.at for s in sessions(feed)] == [at(3, 21)]
    assert feed.total() == (None if feed.live else 1)


def test_a_missing_source_says_what_to_run(kind: str, form: str, tmp_path: Path) -> None:
    feed = a_feed(kind, form, tmp_path, {"A": A, "B": B})
    (tmp_path / f"B.{form}").unlink()
    with pytest.raises(Misconfigured, match=f"B.{form}") as refusal:
        sessions(feed)
    assert "pull_prices" in refusal.value.fix
    assert feed.total() is None


def test_a_missing_column_is_named(kind: str, form: str, tmp_path: Path) -> None:
    feed = a_feed(kind, form, tmp_path, {"A": A})
    if form == "csv":
        (tmp_path / "A.csv").write_text("date,open,high,low,volume\n2024-01-02,1,1,1,1\n", encoding="utf-8")
    else:
        import polars as pl

        pl.read_parquet(tmp_path / "A.parquet").drop("close").write_parquet(tmp_path / "A.parquet")
    with pytest.raises(Misconfigured, match="close"):
        sessions(feed)


def test_an_empty_file_has_no_sessions(kind: str, form: str, tmp_path: Path) -> None:
    assert sessions(a_feed(kind, form, tmp_path, {"A": ()})) == []
