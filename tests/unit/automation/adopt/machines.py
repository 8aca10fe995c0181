"""A machine with a few scripts on it, in a folder of the test."""

from __future__ import annotations

import textwrap
from pathlib import Path

from steersman.automation.adopt.machine import Machine


def a_machine(root: Path, *, zone: str = "Europe/Berlin") -> Machine:
    """Return a machine whose home is ROOT/home and whose workspace is ROOT/desk."""
    for name in ("home", "desk"):
        (root / name).mkdir(exist_ok=True)
    return Machine(user="ana", home=root / "home", zone=zone, workspace=root / "desk")


def a_file(path: Path, text: str = "", *, executable: bool = False) -> Path:
    """Write a script; `executable` gives it an x bit."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    path.chmod(0o755 if executable else 0o644)
    return path
