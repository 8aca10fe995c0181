"""`[notify.NAME]` with `kind = "command"`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from steersman.services.notices.settings import NotifierSettings


class CommandSettings(NotifierSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command that tells somebody; `run` is its line, relative to the workspace."""

    run: str

    def problems(self, root: Path) -> Iterator[tuple[str, str, str]]:
        try:
            words = shlex.split(self.run)
        except ValueError as exc:
            yield "run", f"not a command line ({exc})", "close the quote"
            return
        if not words:
            yield "run", "is empty", 'write e.g. run = "automations/tell.sh"'
