"""Cut a fix at each durable step: the draft is the old or the new one, and undo still finds the old."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from tests.builders_crash import Cut, Steps

from steersman.content.qa.fixing import Fixer
from steersman.kernel.errors import Misconfigured

pytestmark = pytest.mark.crash
OLD = b"old text\n"


def fix(root: Path, steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", steps.wrap(os.replace))
        patch.setattr(os, "fsync", steps.wrap(os.fsync))
        Fixer(root, root / ".steersman").write("a.md", hashlib.sha256(OLD).hexdigest(), "new text\n", at=1)


def test_a_cut_at_any_step_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Steps()
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / "a.md").write_bytes(OLD)
    fix(tmp_path / "whole", whole, monkeypatch)
    assert whole.done == 9, "copy, record and draft: two fsync and a rename each"
    for cut_at in range(1, whole.done + 1):
        for after in (False, True):
            root = tmp_path / f"{cut_at}-{after}"
            root.mkdir()
            path = root / "a.md"
            path.write_bytes(OLD)
            with pytest.raises(Cut):
                fix(root, Steps(cut_at, after=after), monkeypatch)
            fixer = Fixer(root, root / ".steersman")
            if path.read_bytes() == OLD:
                # Trying again works, whatever the cut left behind.
                fixer.write("a.md", hashlib.sha256(OLD).hexdigest(), "new text\n", at=2)
            assert path.read_bytes() == b"new text\n"
            assert fixer.undo("a.md")
            assert path.read_bytes() == OLD
            with pytest.raises(Misconfigured):
                fixer.undo("a.md")
