"""Edits of steersman.toml while the desk runs."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from steersman.bootstrap.core import Core
from steersman.bootstrap.policy_file import PolicyFile
from steersman.bootstrap.sample import make_empty
from steersman.bootstrap.workspace import FILE, load_workspace
from steersman.kernel.clock import FakeClock
from steersman.policy.events import EDIT_REFUSED, EditRefused


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_empty(tmp_path / "desk")
    return tmp_path / "desk"


def edit(root: Path, text: str) -> None:
    (root / FILE).write_text((root / FILE).read_text(encoding="utf-8") + text, encoding="utf-8")


def test_a_changed_limit_is_in_force_for_the_next_decision(root: Path) -> None:
    core = Core(load_workspace(root), FakeClock())
    file = PolicyFile(core.workspace, core.ledger, core.clock)
    before = core.policy.current().version
    edit(root, "\n[policy.trading]\nmax_qty = 7\n")
    assert file.look() == f"policy version {before + 1} is in force, from {FILE}"
    assert core.policy.current().decimal("trading.max_qty") == 7
    assert file.look() is None
    core.close()


def test_nonsense_is_refused_by_name_once_and_what_was_in_force_stays(root: Path) -> None:
    core = Core(load_workspace(root), FakeClock())
    file = PolicyFile(core.workspace, core.ledger, core.clock)
    before = core.policy.current()
    edit(root, '\n[policy.trading]\nmax_qty = "plenty"\n')
    assert file.look() is None, "it may be half written"
    said = file.look() or ""
    assert "what was in force stays" in said
    assert file.look() is None
    refused = [msgspec.json.decode(event.data, type=EditRefused) for event in core.ledger.read(types=(EDIT_REFUSED,))]
    assert len(refused) == 1
    assert "max_qty" in refused[0].problem
    assert f"{FILE}:" in refused[0].problem
    assert core.policy.current().version == before.version
    core.close()


def test_a_file_that_is_gone_for_a_moment_changes_nothing(root: Path) -> None:
    core = Core(load_workspace(root), FakeClock())
    file = PolicyFile(core.workspace, core.ledger, core.clock)
    text = (root / FILE).read_text(encoding="utf-8")
    (root / FILE).unlink()
    assert file.look() is None
    (root / FILE).write_text(text, encoding="utf-8")
    assert file.look() is None
    assert list(core.ledger.read(types=(EDIT_REFUSED,))) == []
    (root / FILE).unlink()
    assert [bool(file.look()) for _ in range(3)] == [False, True, False]
    assert core.policy.current().version == 1
    core.close()
