"""Real platforms take minutes and packages of their own: they are asked only by `./run test-platforms`."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave this folder out of every run that does not ask for it by `-m platform`."""
    return None if "platform" in str(config.option.markexpr) else True
