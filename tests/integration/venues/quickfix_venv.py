"""An environment of its own for QuickFIX, the engine on the other side: made once, used again without a network."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

_PACKAGE = "quickfix-tls==1.16.0.1rc1"
_CACHE = Path(__file__).parents[3] / ".pytest_cache"
_wrong = ""
"""Why it could not be made: asked once, not by every test."""


def quickfix_python() -> Path:
    """Return the interpreter that can import quickfix; where it cannot be made, skip loudly."""
    name = f"{_PACKAGE.replace('==', '-')}-py{sys.version_info.major}{sys.version_info.minor}"
    home = _CACHE / name
    _CACHE.mkdir(exist_ok=True)
    # Several workers may want it at once; one makes it.
    with (_CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "made").exists():
            _make(home)
    return home / "bin" / "python"


def _make(home: Path) -> None:
    global _wrong  # noqa: PLW0603 - one answer for the whole run
    _wrong = _wrong or _failure(home)
    if not _wrong:
        (home / "made").touch()
        return
    message = f"{_PACKAGE} cannot be installed for a counterparty: {_wrong}"
    if os.environ.get("STEERSMAN_REQUIRE_ALL") == "1":
        pytest.fail(message)
    pytest.skip(message)


def _failure(home: Path) -> str:
    """Make the environment; return what went wrong, in one line, or nothing."""
    python = str(home / "bin" / "python")
    steps = (
        [sys.executable, "-m", "venv", "--clear", str(home)],
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", _PACKAGE],
        [python, "-c", "import quickfix"],
    )
    for step in steps:
        try:
            done = subprocess.run(step, capture_output=True, text=True, timeout=240, check=False)
        except (OSError, subprocess.TimeoutExpired) as exc:
            return str(exc)
        if done.returncode:
            said = (done.stderr or done.stdout).strip()
            return said.splitlines()[-1] if said else f"exit code {done.returncode}"
    return ""
