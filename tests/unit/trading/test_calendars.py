from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from tests.builders_desk import TOML, settings_of

from steersman.kernel.clock import to_ns
from steersman.kernel.errors import Misconfigured, Unavailable
from steersman.trading.calendars import Calendar, load
from steersman.trading.settings import TradingSettings


def instant(text: str) -> int:
    return to_ns(datetime.fromisoformat(text))


def a_desk(root: Path, calendar: str) -> TradingSettings:
    """Return the settings of a desk whose first instrument has `calendar`, and whose feed begins in 2024."""
    (root / "strategies").mkdir(exist_ok=True)
    (root / "strategies" / "swing.py").touch()
    with_start = TOML.replace("[feed.daily]", "[feed.daily]\nstart = 2024-01-01")
    return settings_of(root, with_start.replace("[instrument.AAA]", f'[instrument.AAA]\ncalendar = "{calendar}"'))


NOW = instant("2024-12-01T00:00Z")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder in which New York's sessions were worked out once."""
    root = tmp_path_factory.mktemp("calendars")
    load(a_desk(root, "XNYS"), root / "kept", NOW)
    return root / "kept"


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2024-03-08T14:29:59Z", False),
        ("2024-03-08T14:30:00Z", True),
        ("2024-03-11T13:30:00Z", True),  # summer time began on the 10th: an hour earlier in UTC
        ("2024-03-11T20:00:00Z", True),
        ("2024-03-11T20:00:01Z", False),
        ("2024-11-04T13:45:00Z", False),  # and ended on November 3rd
        ("2024-07-04T15:00:00Z", False),  # a holiday
        ("2024-11-29T18:00:00Z", True),  # a short day
        ("2024-11-29T18:30:00Z", False),
        ("2024-11-30T15:00:00Z", False),  # a Saturday
        ("2025-12-31T15:00:00Z", True),
        ("2026-01-02T15:00:00Z", None),
        ("2023-12-29T15:00:00Z", True),  # last year is covered, whenever the feed begins
        ("2022-12-29T15:00:00Z", None),
    ],
)
def test_sessions_of_an_exchange_know_holidays_short_days_and_summer_time(
    tmp_path: Path, kept: Path, at: str, is_open: bool | None
) -> None:
    calendar = load(a_desk(tmp_path, "XNYS"), kept, NOW)["XNYS"]
    assert calendar.is_open(instant(at)) is is_open


def test_what_was_worked_out_once_is_read_from_the_state_folder(
    tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("a process was started"))
    assert load(a_desk(tmp_path, "XNYS"), kept, NOW)["XNYS"].is_open(instant("2024-03-08T15:00Z"))


@pytest.mark.parametrize(
    "spoil", ["", '{"name":"XNYS"', '{"name":"XNYS","package":"0.1","first":2000,"last":2030,"sessions":[]}']
)
def test_a_file_that_is_broken_or_of_another_version_is_made_again(tmp_path: Path, spoil: str) -> None:
    (tmp_path / "XNYS.json").write_text(spoil)
    assert load(a_desk(tmp_path, "XNYS"), tmp_path, NOW)["XNYS"].is_open(instant("2024-03-08T15:00Z"))


def test_a_lunch_break_is_no_session(tmp_path: Path) -> None:
    calendar = load(a_desk(tmp_path, "XHKG"), tmp_path, NOW)["XHKG"]
    found = [calendar.is_open(instant(f"2024-03-08T{time}Z")) for time in ("03:30", "04:30", "05:30", "09:00")]
    assert found == [True, False, True, False]


def test_a_market_that_never_closes_needs_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("a process was started"))
    assert load(a_desk(tmp_path, "24/7"), tmp_path, NOW)["24/7"].is_open(1) is True
    assert list(tmp_path.glob("*.json")) == []


def test_an_unknown_calendar_is_refused_with_the_instrument_and_what_is_near(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"\[instrument\.AAA\] calendar: no calendar 'XNYX'; near it: .*XNYS"):
        load(a_desk(tmp_path, "XNYX"), tmp_path, NOW)


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "exchange_calendars.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(Misconfigured, match="not installed") as refused:
        load(a_desk(tmp_path, "XNYS"), tmp_path, NOW)
    assert "steersman[calendars]" in refused.value.fix


def test_a_package_that_breaks_is_told_with_what_it_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "exchange_calendars.py").write_text("raise RuntimeError('the sky is falling')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(Unavailable, match="the sky is falling"):
        load(a_desk(tmp_path, "XNYS"), tmp_path, NOW)


def test_the_package_never_comes_into_the_process_that_asks(tmp_path: Path, kept: Path) -> None:
    a_desk(tmp_path, "XNYS")
    code = (
        "import sys; from pathlib import Path; from tests.unit.trading.test_calendars import a_desk, load, NOW; "
        f"load(a_desk(Path({str(tmp_path)!r}), 'XNYS'), Path({str(tmp_path / 'fresh')!r}), NOW); "
        "sys.exit(any(name in sys.modules for name in ('pandas', 'exchange_calendars')))"
    )
    root = Path(__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
    assert (tmp_path / "fresh" / "XNYS.json").is_file()


def test_a_path_is_no_calendar(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"steersman\.toml:3: instrument\.AAA\.calendar: found '\.\./x'"):
        a_desk(tmp_path, "../x")


def test_sessions_may_come_in_any_order() -> None:
    calendar = Calendar([(30, 40), (10, 20)], covers=(0, 100))
    assert [calendar.is_open(at) for at in (9, 10, 20, 21, 30, 41, 100)] == [
        False,
        True,
        True,
        False,
        True,
        False,
        None,
    ]
