"""A running desk with every door open: what goes in anywhere is decided by the core, once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from tests.builders_signals import TOML, a_wish, an_alert

from steersman.bootstrap.workspace import load_workspace
from steersman.console.token import read_or_create
from steersman.kernel.clock import SystemClock
from steersman.ledger.adapters.sqlite import create as sqlite_ledger
from steersman.trading import events as e

WATCHED = '[signals.ml]\nfiles = "signals/*.jsonl"\n'


@contextmanager
def up(folder: Path) -> Iterator[str]:
    """Run `steersman up` and yield its URL."""
    command = [sys.executable, "-m", "steersman.cli", "up", "--json", "--port", "0", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, "it ended before it served"
        yield str(json.loads(line)["url"])
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        process.stdout.close()


def post(url: str, body: Any, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), named), timeout=30) as answer:  # noqa: S310
        return int(answer.status)


def test_what_goes_in_at_any_door_is_decided_once(tmp_path: Path) -> None:
    (tmp_path / "steersman.toml").write_text(TOML + WATCHED, encoding="utf-8")
    (tmp_path / "signals").mkdir()
    workspace = load_workspace(tmp_path)
    token, secret = read_or_create(workspace.api_token), read_or_create(workspace.hook_secret("trend"))
    with up(tmp_path) as url:
        key = {"authorization": f"Bearer {token}"}
        assert [post(f"{url}/api/signals", [a_wish("a"), a_wish("b")], **key) for _ in range(2)] == [202, 200]
        alert = an_alert(secret, at=SystemClock().now_ns())
        hook = f"{url}/hooks/tradingview/trend"
        assert [post(hook, alert, content_type="application/json") for _ in range(2)] == [202, 200]
        (tmp_path / "signals" / "today.jsonl").write_text(json.dumps(a_wish(signal_id=None)) + "\n")
        command = [sys.executable, "-m", "steersman.cli", "signal", "submit", json.dumps(a_wish("c"))]
        done = subprocess.run(
            [*command, "--wait", "60", "--json", "--dir", str(tmp_path)], capture_output=True, check=False
        )
        assert json.loads(done.stdout)["undecided"] == []
        sources = decided(tmp_path, 5)
    assert sources == {"api": 2, "tradingview": 1, "file:ml": 1, "cli": 1}


def decided(folder: Path, wanted: int) -> Counter[str]:
    """Return the verdicts by source, once there are `wanted` of them."""
    ledger = sqlite_ledger(folder / ".steersman" / "ledger.db", read_only=True)
    tail = ledger.subscribe(after=0)
    found: list[str] = []
    while len(found) < wanted and (batch := tail.next(60)):
        found += [
            msgspec.json.decode(x.data, type=e.VerdictGiven).signal_id for x in batch if x.type == e.VERDICT_GIVEN
        ]
    ledger.close()
    return Counter(signal_id.partition("/")[0] for signal_id in found)
