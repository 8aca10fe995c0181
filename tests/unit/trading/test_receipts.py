from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from tests.builders_desk import some_rows, write_bars

from steersman.trading.adapters.replay import ReplayFeed, rows
from steersman.trading.adapters.replay.rows import Reading
from steersman.trading.gate.receipts import Receipt
from steersman.trading.model.instrument import Instrument
from steersman.trading.ports import Session
from steersman.trading.settings import FeedSettings

NAMES = ("AAA", "BBB")
BAD = "2024-03-01,1,1,1,-5,1"


def a_feed(root: Path, settings: FeedSettings | None = None) -> ReplayFeed:
    instruments = {
        name: Instrument(name=name, tick=Decimal("0.01"), lot=Decimal(1), currency="USD", venue="paper")
        for name in NAMES
    }
    return ReplayFeed(settings=settings or FeedSettings(), instruments=instruments, root=root)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with ten bars of AAA, and nine and a bad one of BBB."""
    write_bars(tmp_path, "AAA", some_rows(10))
    write_bars(tmp_path, "BBB", [*some_rows(9), BAD])
    return tmp_path


@pytest.fixture
def validated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The instruments whose rows were validated, one entry per row."""
    found: list[str] = []
    validate: Callable[..., object] = Reading.bar

    def counted(self: Reading, instrument: str, at: int, row: dict[str, str]) -> object:
        found.append(instrument)
        return validate(self, instrument, at, row)

    monkeypatch.setattr(Reading, "bar", counted)
    return found


def sessions(root: Path, settings: FeedSettings | None = None) -> list[Session]:
    return [session for session in a_feed(root, settings).sessions() if session is not None]


def test_a_file_that_did_not_change_is_not_validated_again(root: Path, validated: list[str]) -> None:
    first = sessions(root)
    assert (validated.count("AAA"), validated.count("BBB")) == (10, 10)
    assert sessions(root) == first
    assert len(validated) == 20
    (bad,) = (bad for session in first for bad in session.bad)
    assert (bad.reason, bad.place) == ("close is negative: -5", "BBB.csv:11")


def test_only_the_file_that_changed_is_validated_again(root: Path, validated: list[str]) -> None:
    sessions(root)
    write_bars(root, "AAA", [*some_rows(10), "2024-03-01,1,1,1,nan,1"])
    validated.clear()
    found = sessions(root)
    assert (validated.count("AAA"), validated.count("BBB")) == (11, 0)
    assert [bad.instrument for bad in found[-1].bad] == ["AAA", "BBB"]


def test_other_settings_are_another_validation(root: Path, validated: list[str]) -> None:
    sessions(root)
    validated.clear()
    sessions(root, FeedSettings(gap_days=4))
    assert len(validated) == 20


def test_other_rules_are_another_validation(
    root: Path, validated: list[str], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions(root)
    validated.clear()
    changed = tmp_path_factory.mktemp("code") / "rows.py"
    changed.write_bytes(Path(rows.__file__).read_bytes() + b"# another rule\n")
    monkeypatch.setattr(rows, "__file__", str(changed))
    sessions(root)
    assert len(validated) == 20


def test_a_pass_that_was_cut_short_leaves_no_receipt(root: Path, validated: list[str]) -> None:
    next(iter(a_feed(root).sessions()))
    validated.clear()
    sessions(root)
    assert len(validated) == 20


def test_a_receipt_is_no_excuse_for_a_file_that_changes_under_the_reader(root: Path, validated: list[str]) -> None:
    sessions(root)
    validated.clear()
    feed = iter(a_feed(root).sessions())
    next(feed)
    with (root / "data" / "AAA.csv").open("a") as file:
        file.write("2024-03-04,1,1,1,nan,1\n")
    rest = [session for session in feed if session is not None]
    assert validated == ["AAA"], "the row behind those of the receipt"
    assert [bad.place for session in rest for bad in session.bad] == ["BBB.csv:11", "AAA.csv:12"]


@pytest.mark.parametrize("text", ["", "{", '{"source":"data/AAA.csv"}'])
def test_a_receipt_that_cannot_be_read_is_none(root: Path, validated: list[str], text: str) -> None:
    sessions(root)
    for path in (root / ".steersman" / "receipts").glob("*.json"):
        path.write_text(text)
    validated.clear()
    sessions(root)
    assert len(validated) == 20


def test_where_no_receipt_can_be_kept_bars_are_replayed_all_the_same(root: Path, validated: list[str]) -> None:
    (root / ".steersman").write_text("in the way")
    assert len(sessions(root)) == len(sessions(root)) == 11
    assert len(validated) == 40


def test_a_receipt_covers_one_content_of_one_source_under_one_set_of_rules() -> None:
    receipt = Receipt(source="a", content="b", rules="c", items=3, refused={2: "why"})
    assert receipt.covers(source="a", content="b", rules="c")
    for changed in ({"source": "x"}, {"content": "x"}, {"rules": "x"}):
        assert not receipt.covers(**{"source": "a", "content": "b", "rules": "c", **changed})
    assert msgspec.json.decode(msgspec.json.encode(receipt), type=Receipt) == receipt
