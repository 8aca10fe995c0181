"""`steersman signal submit|schema|hook` on a workspace of their own, with and without a core."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import msgspec
import polars as pl
import pytest
from tests.builders_signals import TOML, a_wish, refusals, submitted
from tests.builders_trading_ledger import a_verdict

from steersman.bootstrap.plugins import factory
from steersman.bootstrap.workspace import load_workspace
from steersman.cli.main import run
from steersman.ledger import Ledger, new_event
from steersman.ledger.adapters.socket import serve
from steersman.trading import events as e
from steersman.trading.handlers.commands import decided_id
from steersman.trading.sources import FIELDS, NotASignal, Row, request_of

Out = pytest.CaptureFixture[str]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "steersman.toml").write_text(TOML, encoding="utf-8")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ledger_of(desk: Path) -> Ledger:
    ledger: Ledger = factory("ledgers", "sqlite")(load_workspace(desk).ledger, read_only=True)
    return ledger


def submit(capsys: Out, *arguments: str) -> tuple[int, Any]:
    code = run("signal", ["submit", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


@contextmanager
def a_core(desk: Path, outcome: str) -> Iterator[None]:
    """Serve the ledger as a core does, and give every submitted signal a verdict."""
    workspace = load_workspace(desk)
    workspace.state.mkdir(exist_ok=True)
    ledger = factory("ledgers", "sqlite")(workspace.ledger)
    server = serve(ledger, workspace.socket)
    tail = ledger.subscribe(after=0)
    ends = threading.Event()

    def decide() -> None:
        while not ends.is_set():
            for event in tail.next(0.1):
                if event.type == e.SIGNAL_SUBMITTED:
                    said = msgspec.json.decode(event.data, type=e.SignalSubmitted)
                    verdict = a_verdict(decided_id(said.source, said.request.signal_id), outcome=outcome)
                    stand = new_event(e.VERDICT_GIVEN, stream=event.stream, data=verdict, actor="core", now_ns=1)
                    ledger.append([stand])

    thread = threading.Thread(target=decide)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join(20)
        server.close()
        ledger.close()


def test_without_a_core_a_signal_waits_in_the_ledger(desk: Path, capsys: Out) -> None:
    assert run("signal", ["submit", json.dumps(a_wish())]) == 0
    out = capsys.readouterr().out
    assert "cli/s1" in out
    assert "waits in the ledger" in out
    code, said = submit(capsys, json.dumps(a_wish()))
    assert (code, said["core_runs"], said["signals"][0]["status"]) == (0, False, "repeated")
    (signal,) = submitted(ledger_of(desk))
    assert (signal.source, signal.request.signal_id) == ("cli", "s1")
    assert run("signal", ["submit", json.dumps(a_wish("s2")), "--wait", "60"]) == 1


def test_a_refusal_is_shown_with_its_fix_and_recorded(desk: Path, capsys: Out) -> None:
    assert run("signal", ["submit", json.dumps(a_wish(strategy="trand"))]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "found 'trand', which is not declared" in out
    assert "fix: did you mean 'trend'?" in out
    assert "'trand'" in refusals(ledger_of(desk))[0].reason


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet", ".json"])
def test_a_file_of_any_form_is_taken_once(desk: Path, capsys: Out, suffix: str) -> None:
    rows = [a_wish("a"), a_wish("b", quantity=2)]
    path = desk / f"today{suffix}"
    if suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif suffix == ".json":
        path.write_text(json.dumps(rows))
    elif suffix == ".csv":
        pl.DataFrame(rows).write_csv(path)
    else:
        pl.DataFrame(rows).write_parquet(path)
    for status in ("accepted", "repeated"):
        code, said = submit(capsys, path.name)
        assert code == 0
        assert [(row["listed_as"], row["status"]) for row in said["signals"]] == [("cli/a", status), ("cli/b", status)]


def test_rows_of_a_file_need_no_id_and_lines_of_standard_input_do(
    desk: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "".join(json.dumps(a_wish(signal_id=None, quantity=n)) + "\n" for n in (1, 2))
    (desk / "today.jsonl").write_text(lines)
    assert [submit(capsys, "today.jsonl")[1]["signals"][0]["status"] for _ in range(2)] == ["accepted", "repeated"]

    def piped(text: str) -> tuple[int, Any]:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        return submit(capsys, "-")

    code, said = piped(lines)
    assert code == 1
    assert "line 1: signal_id: is missing" in said["signals"][0]["reason"]
    assert piped("".join(json.dumps(a_wish(i)) + "\n" for i in "xy"))[0] == 0
    assert piped(json.dumps([a_wish("z")], indent=2))[0] == 0
    assert piped("signal_id,strategy,instrument,side,quantity\nc,trend,IBM,buy,1\n")[0] == 0
    assert piped("{junk")[0] == 1
    assert len(submitted(ledger_of(desk))) == 6


def test_a_file_that_is_no_signals_is_refused_as_a_whole(desk: Path, capsys: Out) -> None:
    (desk / "bad.csv").write_text("id,side\n1,buy\n")
    code, said = submit(capsys, "bad.csv")
    assert code == 1
    assert "bad.csv:1: unknown column 'id'" in said["signals"][0]["reason"]
    assert run("signal", ["submit", "nothing.csv"]) == 2
    (desk / "bad.txt").write_text("x")
    assert run("signal", ["submit", "bad.txt"]) == 2
    assert run("signal", ["submit", "bad.csv", "--format", "xml"]) == 2


def test_waiting_shows_the_verdicts_that_come(desk: Path, capsys: Out) -> None:
    with a_core(desk, "accept"):
        wishes = json.dumps([a_wish("a"), a_wish("b")])
        code, said = submit(capsys, wishes, "--wait", "60")
        assert (code, said["core_runs"], said["undecided"]) == (0, True, [])
        assert [row["signal_id"] for row in said["verdicts"]] == ["cli/a", "cli/b"]
        assert run("signal", ["submit", wishes, "--wait", "60"]) == 0  # repeats: their verdicts are there already
        out = capsys.readouterr().out
        assert out.count("repeated") == out.count("accept") == 2


def test_a_rejected_signal_says_no(desk: Path, capsys: Out) -> None:
    with a_core(desk, "reject"):
        code, said = submit(capsys, json.dumps(a_wish()), "--wait", "60")
    assert (code, said["verdicts"][0]["outcome"]) == (1, "reject")


def test_help_and_schema_name_every_field(desk: Path, capsys: Out) -> None:
    assert run("signal", ["submit", "--help"]) == 0
    told = capsys.readouterr().out
    assert not [field for field in FIELDS if field not in told]
    assert run("signal", ["schema"]) == 0
    table = capsys.readouterr().out
    assert [line.split()[0] for line in table.splitlines() if line[:1].strip()][1:-1] == list(FIELDS)


@pytest.mark.parametrize(
    ("changes", "good"),
    [
        ({}, True),
        ({"quantity": "0.5", "limit_price": 3, "notes": "x", "created_at": "2026-11-25T00:00:00Z"}, True),
        ({"side": None, "quantity": None, "target": -3}, True),
        ({"quantity": None, "risk_fraction": 0.01, "stop_loss": 90}, True),
        ({"side": None}, False),
        ({"quantity": None}, False),
        ({"target": 5}, False),
        ({"side": "up"}, False),
        ({"quantity": None, "target": 5}, False),
        ({"quantity": None, "risk_fraction": 0.01}, False),
        ({"quantity": 0}, False),
        ({"quantity": 2e9}, False),
        ({"quantity": "many"}, False),
        ({"signal_id": None}, False),
        ({"qty": 5}, False),
        ({"confidence": 2}, False),
        ({"time_in_force": "fok"}, False),
    ],
)
def test_the_schema_allows_what_the_decoder_takes(desk: Path, capsys: Out, changes: dict[str, Any], good: bool) -> None:
    assert run("signal", ["schema", "--json"]) == 0
    validator = jsonschema.Draft202012Validator(json.loads(capsys.readouterr().out))
    wish = {key: value for key, value in a_wish(**changes).items() if value is not None}
    assert validator.is_valid(wish) == good
    try:
        request_of(Row(values=wish))
    except NotASignal:
        assert not good
    else:
        assert good


def test_a_hook_prints_its_address_and_a_message_to_paste(desk: Path, capsys: Out) -> None:
    assert run("signal", ["hook", "trend"]) == 0
    out = capsys.readouterr().out
    assert "https://hooks.example.com/hooks/tradingview/trend" in out
    message = json.loads(out[out.index("{") : out.rindex("}") + 1])
    path = load_workspace(desk).hook_secret("trend")
    assert message["secret"] == path.read_text().strip()
    assert (path.stat().st_mode & 0o777, path.parents[1].stat().st_mode & 0o777) == (0o600, 0o700)
    assert message["market_position_size"] == "{{strategy.market_position_size}}"
    assert run("signal", ["hook", "trend", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["message"] == message
    assert run("signal", ["hook", "trend", "--rotate", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["message"]["secret"] != message["secret"]


def test_the_api_has_a_token_of_its_own(desk: Path, capsys: Out) -> None:
    assert run("signal", ["hook", "--api", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["url"] == "http://127.0.0.1:8787/api/signals"
    assert said["token"] == load_workspace(desk).api_token.read_text().strip()
    assert run("signal", ["hook", "--api"]) == 0
    out = capsys.readouterr().out
    assert out.count(said["token"]) == 1
    assert "cat .steersman/api.token" in out


def test_a_hook_of_nobody_is_refused(desk: Path, capsys: Out) -> None:
    assert run("signal", ["hook", "trand"]) == 1
    assert "did you mean 'trend'?" in capsys.readouterr().err
    assert run("signal", ["hook"]) == 2
    assert run("signal", ["hook", "trend", "--api"]) == 2
