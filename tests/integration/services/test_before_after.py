"""The example of five scripts, run whole: what it claims is counted twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "before_after"


def compare(*options: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / "compare.py"), "--json", "--latency", "0.05", *options],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module", params=[(), ("--alone",)], ids=["served", "alone"])
def found(request: pytest.FixtureRequest) -> dict[str, Any]:
    return compare(*request.param)


def test_five_scripts_log_in_once_and_ask_three_times(found: dict[str, Any]) -> None:
    assert {name: found["before"][name] for name in ("logins", "calls")} == {"logins": 5, "calls": 10}
    assert {name: found["after"][name] for name in ("logins", "calls")} == {"logins": 1, "calls": 3}
    assert found["after"]["served"] == 10
    assert found["after"]["bytes"] == found["after_by_vendor"]["bytes"] < found["before"]["bytes"]
    assert found["same_output"]
    assert found["events_agree_with_vendor"]


def test_the_readme_shows_what_the_example_prints(found: dict[str, Any]) -> None:
    shown = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    for label, key in (("logins", "logins"), ("data calls", "calls"), ("bytes from the vendor", "bytes")):
        before, after = found["before"][key], found["after"][key]
        assert f"{label:<30}{before:>12,}{after:>12,}{before - after:>12,}" in shown
