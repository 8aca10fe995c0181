"""Whose folder the services work in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.builders_sharing import Sharing

from steersman.bootstrap.asking import here
from steersman.kernel.errors import Misconfigured


@pytest.mark.parametrize("question", [{"op": "token", "provider": "shop"}, {"op": "pull", "what": "bars"}])
def test_nobody_works_in_the_folder_of_another_user(
    question: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sharing = Sharing(tmp_path)
    sharing.command("token", "shop")
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    before = sorted((p, p.stat().st_mtime_ns) for p in (tmp_path / ".steersman" / "services").rglob("*"))
    with pytest.raises(Misconfigured, match=f"belongs to user {owner}, and this is user {owner + 1}"):
        here(tmp_path, question)
    assert sorted((p, p.stat().st_mtime_ns) for p in (tmp_path / ".steersman" / "services").rglob("*")) == before
