"""Asking without anybody who serves: what can go wrong with the process that is started."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from steersman.client import Problem, alone
from steersman.client.alone import ask_alone


def a_program(folder: Path, body: str) -> list[str]:
    path = folder / "program.py"
    path.write_text(f"import sys, json, os\n{body}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return [sys.executable, str(path)]


def ask(monkeypatch: pytest.MonkeyPatch, command: list[str], *, timeout_s: float = 10) -> dict[str, object]:
    monkeypatch.setattr(alone, "_steersman", lambda: command)
    return ask_alone("desk", {"op": "token", "provider": "shop"}, timeout_s=timeout_s)


def test_the_question_goes_by_a_pipe_and_never_by_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = """
q = json.loads(sys.stdin.readline())
print('noise')
print(json.dumps({'value': {'q': q, 'argv': sys.argv[1:]}}))
"""
    value = ask(monkeypatch, a_program(tmp_path, body))
    assert value == {"q": {"op": "token", "provider": "shop"}, "argv": ["serve", "once", "--dir", "desk"]}


def test_a_refusal_is_a_problem_with_its_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = json.dumps({"error": "Rejected", "message": "log in again", "fix": "steersman auth login shop"})
    with pytest.raises(Problem, match="log in again") as told:
        ask(monkeypatch, a_program(tmp_path, f"print({refusal!r})"))
    assert (told.value.kind, told.value.fix) == ("Rejected", "steersman auth login shop")


def test_a_process_that_dies_says_what_it_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Problem, match="exit code 3: no module"):
        ask(monkeypatch, a_program(tmp_path, "print('no module', file=sys.stderr); sys.exit(3)"))


def test_a_process_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "_START_S", 0.0)
    with pytest.raises(Problem, match=r"no answer within 0\.2 s"):
        ask(monkeypatch, a_program(tmp_path, "import threading; threading.Event().wait()"), timeout_s=0.2)


def test_a_command_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Problem, match="cannot be started") as told:
        ask(monkeypatch, ["steersman-that-is-nowhere"])
    assert "PATH" in told.value.fix


def test_the_command_beside_this_interpreter_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert alone._steersman() == [sys.executable, "-m", "steersman.cli"]
    (tmp_path / "steersman").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ.get("PATH", ""))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "elsewhere" / "python"))
    assert alone._steersman() == [str(tmp_path / "steersman")]
