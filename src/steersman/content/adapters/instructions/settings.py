"""`[reviewer.NAME]` with `kind = "instructions"`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from steersman.content.settings.reviewers import ReviewerSettings

LARGEST_BYTES: Final = 100_000


class InstructionsSettings(ReviewerSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A "custom GPT" of one's own: a file of instructions and a model.

    Attributes:
        file: the instructions, text or Markdown, in the workspace.
        model: a `[model.NAME]`; empty: that of `[ai] model`, or the only one. Whether texts may leave this machine
            for it says `[ai] remote`.
    """

    kind: str = "instructions"
    file: str = ""
    model: str = ""

    def problems(self, root: Path) -> Iterator[tuple[str, str, str]]:
        path = (root / self.file).resolve()
        if not self.file or not path.is_relative_to(root.resolve()):
            yield "file", f"found {self.file!r}, allowed: a file of the workspace", 'write file = "reviewers/editor.md"'
        elif not path.is_file():
            yield "file", f"found {self.file!r}, no such file", "write your instructions into it"
        elif path.stat().st_size > LARGEST_BYTES:
            yield (
                "file",
                f"{self.file} is larger than {LARGEST_BYTES:,} bytes",
                "shorten it: it is sent with every part",
            )
