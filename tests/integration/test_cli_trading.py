"""`steersman signal|order|journal|inbox` on a workspace whose ledger was written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.builders_trading_ledger import (
    a_fill,
    a_hold,
    a_mark,
    a_signal,
    a_verdict,
    an_entry,
    an_intent,
    append,
)

from steersman.bootstrap.plugins import factory
from steersman.bootstrap.workspace import load_workspace
from steersman.cli.main import run
from steersman.trading import events as e

AT = 1_262_638_800_000_000_000  # 2010-01-04 21:00 UTC


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "steersman.toml").write_text('[desk]\nname = "Test desk"\n[feed.daily]\n', encoding="utf-8")
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.fixture
def desk(empty: Path) -> Path:
    ledger = factory("ledgers", "sqlite")(load_workspace(empty).ledger)
    append(ledger, e.SIGNAL_RECEIVED, a_signal("s1", at=AT))
    append(ledger, e.VERDICT_GIVEN, a_verdict("s1", at=AT))
    append(ledger, e.ORDER_SUBMITTED, an_intent(at=AT))
    append(ledger, e.ORDER_FILLED, a_fill("o1-1", quantity=4, price="100.25", at=AT))
    append(ledger, e.SIGNAL_RECEIVED, a_signal("s2", strategy="reversion", at=AT))
    denied = a_verdict("s2", outcome="reject", strategy="reversion", failed=("MAX_NOTIONAL", "DATA_OUTLIER"), at=AT)
    append(ledger, e.VERDICT_GIVEN, denied)
    append(ledger, e.SIGNAL_RECEIVED, a_signal("s3", at=AT))
    bad = e.SignalRefused(source="strategy:trend", strategy="trend", reason="quantity is NaN", found="NaN", at=AT)
    append(ledger, e.SIGNAL_REFUSED, bad)
    append(ledger, e.JOURNAL_WRITTEN, an_entry("j1", at=AT))
    append(ledger, e.JOURNAL_WRITTEN, an_entry("j2", kind="round_trip", outcome="won", at=AT))
    append(ledger, e.HOLD_REQUESTED, a_hold("h1", at=AT, expires_at=AT + 10))
    append(ledger, e.HOLD_REQUESTED, a_hold("h2", at=AT, expires_at=AT + 10_000))
    append(ledger, e.ACCOUNT_MARKED, a_mark(at=AT + 100))
    ledger.close()
    return empty


def said(capsys: pytest.CaptureFixture[str], folder: Path, noun: str, *arguments: str) -> str:
    assert run(noun, [*arguments, "--dir", str(folder)]) == 0
    out = capsys.readouterr().out
    assert all(len(line) <= 80 for line in out.splitlines())
    return out


def read(capsys: pytest.CaptureFixture[str], folder: Path, noun: str, *arguments: str) -> Any:
    assert run(noun, [*arguments, "--json", "--dir", str(folder)]) == 0
    return json.loads(capsys.readouterr().out)


def test_signals_are_listed_with_their_verdicts(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, desk, "signal", "list")
    assert out.index("s2") < out.index("s1")
    assert "MAX_NOTIONAL" in out
    assert "buy 10 IBM" in out
    assert [row["signal_id"] for row in read(capsys, desk, "signal", "list")] == ["s2", "s1"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (("--outcome", "reject"), ["s2"]),
        (("--strategy", "trend"), ["s1"]),
        (("--limit", "1"), ["s2"]),
        (("--outcome", "reject", "--strategy", "trend"), []),
    ],
)
def test_signals_are_filtered(
    desk: Path, capsys: pytest.CaptureFixture[str], filters: tuple[str, ...], expected: list[str]
) -> None:
    assert [row["signal_id"] for row in read(capsys, desk, "signal", "list", *filters)] == expected


def test_a_signal_shows_every_check_with_seen_limit_and_margin(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, desk, "signal", "show", "s2")
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert lines["HALT"].split()[1:] == ["ok", "no", "no", "flag"]
    assert lines["OPEN_ORDERS"].split()[1:] == ["ok", "3", "20", "17", "count"]
    assert lines["MAX_NOTIONAL"].split()[1:] == ["FAIL", "30,000", "25,000", "-5,000", "USD"]
    assert lines["DATA_OUTLIER"].split()[1:] == ["FAIL", "missing", "6", "missing", "z"]
    assert "DATA_OUTLIER: fewer than 20 bars are known" in out
    assert "no order was sent" in out
    assert "20-day high" in out
    facts = read(capsys, desk, "signal", "show", "s2")
    assert [check[0] for check in facts["checks"]] == ["HALT", "MAX_NOTIONAL", "OPEN_ORDERS", "DATA_OUTLIER"]


def test_a_signal_that_was_sent_shows_its_order_and_fills(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, desk, "signal", "show", "s1")
    assert "order o1: partially filled" in out
    assert "4 at 100.25, fee 1" in out


@pytest.mark.parametrize(
    ("noun", "arguments", "code", "message"),
    [
        ("signal", ("show", "nope"), 1, "there is no signal 'nope'"),
        ("signal", ("show", "s3"), 1, "has no verdict yet"),
        ("order", ("show", "nope"), 1, "there is no order 'nope'"),
        ("journal", ("show", "nope"), 1, "there is no entry 'nope'"),
        ("signal", ("list", "--outcome", "maybe"), 2, "accept, adjust, hold, reject"),
        ("order", ("list", "--status", "maybe"), 2, "submitted"),
        ("journal", ("list", "--kind", "maybe"), 2, "decision, round_trip"),
    ],
)
def test_what_is_not_there_or_not_allowed_says_what_to_do(
    desk: Path, capsys: pytest.CaptureFixture[str], noun: str, arguments: tuple[str, ...], code: int, message: str
) -> None:
    assert run(noun, [*arguments, "--dir", str(desk)]) == code
    assert message in capsys.readouterr().err


def test_refused_input_is_listed(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "quantity is NaN" in said(capsys, desk, "signal", "list", "--refused")


def test_orders_are_listed_and_shown(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "partially filled at 100.25" in said(capsys, desk, "order", "list")
    out = said(capsys, desk, "order", "show", "o1")
    assert "4, average price 100.25" in " ".join(out.split())
    assert "4.5 bps" in out
    assert read(capsys, desk, "order", "list", "--status", "filled") == []
    assert read(capsys, desk, "order", "show", "o1")["fills"][0]["execution_id"] == "o1-1"


def test_the_journal_is_listed_and_shown(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, desk, "journal", "list")
    assert out.index("j2") < out.index("j1")
    assert [row["entry_id"] for row in read(capsys, desk, "journal", "list", "--outcome", "won")] == ["j2"]
    shown = said(capsys, desk, "journal", "show", "j1")
    assert "bought 10 IBM near 100" in shown
    assert "steersman signal show s1" in shown


def test_the_inbox_shows_what_waits_on_the_feeds_clock_and_the_next_step(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting = read(capsys, desk, "inbox", "list")
    assert [hold["approval_id"] for hold in waiting] == ["h2"]
    every = read(capsys, desk, "inbox", "list", "--all")
    assert [(hold["approval_id"], hold["status"]) for hold in every] == [("h2", "open"), ("h1", "expired")]
    out = " ".join(said(capsys, desk, "inbox", "list").split())
    assert "steersman inbox approve ID" in out
    assert "unanswered, nothing happens" in out


@pytest.mark.parametrize(
    ("noun", "next_step"),
    [("signal", "steersman demo"), ("order", "steersman signal list"), ("journal", "steersman up"), ("inbox", "--all")],
)
def test_an_empty_desk_teaches_the_next_step(
    empty: Path, capsys: pytest.CaptureFixture[str], noun: str, next_step: str
) -> None:
    assert next_step in " ".join(said(capsys, empty, noun, "list").split())


def test_control_characters_from_outside_do_not_reach_the_terminal(
    empty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import msgspec

    ledger = factory("ledgers", "sqlite")(load_workspace(empty).ledger)
    evil = msgspec.structs.replace(an_entry("j1", at=AT), text="\x1b[2J\x1b]0;owned\x07 [bold]gone")
    append(ledger, e.JOURNAL_WRITTEN, evil)
    ledger.close()
    for arguments in (("list",), ("show", "j1")):
        out = said(capsys, empty, "journal", *arguments)
        assert "\x1b" not in out
        assert "[bold]" in out
