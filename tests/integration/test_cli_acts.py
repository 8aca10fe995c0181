"""Acting on a running desk from the command line: answers, cancels, replacements, reconciliation, arming."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.builders_core import TOML, Running, running

from steersman.cli.main import run
from steersman.trading import events as e


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("cli") / "desk") as made:
        yield made


def call(desk: Running, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    """Return the exit code, and what was printed as JSON."""
    noun, *rest = arguments
    code = run(noun, [*rest, "--json", "--dir", str(desk.desk.workspace.root)])
    return code, json.loads(capsys.readouterr().out.split('\n{"error"')[0])


def test_an_approved_hold_is_sent_and_can_be_cancelled(desk: Running, capsys: pytest.CaptureFixture[str]) -> None:
    held = e.trade_approval(desk.signal("hold-1", quantity=60))
    assert [hold["approval_id"] for hold in call(desk, capsys, "inbox", "list")[1]] == [held]
    code, found = call(desk, capsys, "inbox", "approve", held, "--yes")
    assert (code, found["known"], found["outcome"]) == (0, True, "accept")
    code, error = call(desk, capsys, "inbox", "approve", held, "--yes")
    assert code == 1
    assert "was granted by person:cli before" in error["message"]
    order = desk.order_of("cli/hold-1").order_id
    code, found = call(desk, capsys, "order", "cancel", order)
    assert (code, found["outcome"]) == (0, "cancelled")
    code, error = call(desk, capsys, "order", "cancel", order)
    assert code == 1
    assert "is over: cancelled" in error["message"]


def test_a_denied_hold_says_so_and_sends_nothing(desk: Running, capsys: pytest.CaptureFixture[str]) -> None:
    held = e.trade_approval(desk.signal("hold-2", quantity=61))
    code, found = call(desk, capsys, "inbox", "deny", held, "--reason", "not today")
    assert (code, found["outcome"]) == (0, "denied")
    assert "not today; nothing was sent" in found["text"]


def test_an_order_is_replaced_or_kept_and_the_reason_said(desk: Running, capsys: pytest.CaptureFixture[str]) -> None:
    desk.signal("rest-1", quantity=10, instrument="MSFT")
    order = desk.order_of("cli/rest-1").order_id
    code, found = call(desk, capsys, "order", "replace", order, "--limit", "0.5", "--yes")
    assert (code, found["outcome"]) == (1, "dropped")
    assert "PRICE_COLLAR" in found["text"]
    code, found = call(desk, capsys, "order", "replace", order, "--quantity", "7", "--yes")
    assert (code, found["outcome"]) == (0, "accept")
    assert "buy 7 MSFT takes its place" in found["text"]
    code, error = call(desk, capsys, "order", "replace", "nope", "--quantity", "7", "--yes")
    assert code == 1
    assert "there is no order" in error["message"]


def test_reconcile_reports_on_every_venue(desk: Running, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = call(desk, capsys, "reconcile")
    assert (code, [report["venue"] for report in found]) == (0, ["paper"])
    code, error = call(desk, capsys, "reconcile", "--settle")
    assert code == 1
    assert "settling changes the book" in error["message"]


def test_a_simulated_venue_has_nothing_to_arm(desk: Running, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(desk, capsys, "venue", "list")[1][0] == {
        "name": "paper",
        "kind": "paper",
        "mode": "simulated",
        "instruments": ["IBM", "MSFT"],
        "trades": "yes",
    }
    code, error = call(desk, capsys, "venue", "arm", "paper", "--confirm", "trade real money at paper")
    assert code == 1
    assert "it cannot spend money" in error["message"]


def test_a_live_venue_is_armed_by_typing_its_words_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "k")
    text = TOML.replace(
        '[venue.paper]\nseed = 3\nfee_bps = "1"\nfee_min = "1"\nslippage_bps = "5"\nparticipation = "0.6"\n',
        '[venue.paper]\nkind = "alpaca"\nmode = "live"\nkey = "env:KEY"\nsecret = "env:KEY"\n',
    )
    (tmp_path / "steersman.toml").write_text(text, encoding="utf-8")

    def venue(*arguments: str) -> tuple[int, Any]:
        code = run("venue", [*arguments, "--json", "--dir", str(tmp_path)])
        return code, json.loads(capsys.readouterr().out)

    assert venue("list")[1][0]["trades"] == "venue paper is live and nobody armed it"
    code, error = venue("arm", "paper", "--confirm", "yes")
    assert (code, error["message"]) == (1, "not armed: the words were not typed")
    assert venue("arm", "paper", "--confirm", "trade real money at paper")[0] == 0
    assert venue("list")[1][0]["trades"] == "yes"
    assert venue("disarm", "paper")[0] == 0
    assert venue("list")[1][0]["trades"] == "venue paper is live and nobody armed it"
    changed = text.replace('mode = "live"', 'mode = "live"\ntimeout = "3s"')
    assert venue("arm", "paper", "--confirm", "trade real money at paper")[0] == 0
    (tmp_path / "steersman.toml").write_text(changed, encoding="utf-8")
    assert venue("list")[1][0]["trades"] == "venue paper is live and its settings changed since it was armed"


def test_a_desk_without_its_core_says_that_the_request_waits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path / "desk") as made:
        held = e.trade_approval(made.signal("hold-1", quantity=60))
        root = made.desk.workspace.root
        made.stop_core()
    assert run("inbox", ["approve", held, "--yes", "--wait", "0.5", "--json", "--dir", str(root)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["known"], found["outcome"]) == (False, "waits")
    assert "the core is not running" in found["text"]
    assert run("reconcile", ["--json", "--dir", str(root)]) == 1
    assert "only it talks to the venues" in json.loads(capsys.readouterr().out)["message"]


def test_doctor_kills_a_core_and_says_what_was_lost(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("doctor", ["--kill", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kills"] >= 3
    assert {name: found[name] for name in ("orders_sent_twice", "orders_lost", "fills_lost")} == {
        "orders_sent_twice": 0,
        "orders_lost": 0,
        "fills_lost": 0,
    }
