"""Up to which event the starts of each trigger have been taken care of: what is made up for after a restart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from steersman.automation.model.manifest import Automation
from steersman.kernel.whole_file import write_whole


class _Mark(msgspec.Struct, frozen=True):
    on: str
    pos: int


class Positions:
    """One small file per workspace; without a path, memory only.

    Written after the starts it speaks of were asked for: a crash in between asks for them again under the same run
    ids, and one event is one run.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._marks = self._read()

    def of(self, automation: Automation) -> int | None:
        """Return the position of the last event that was taken care of.

        None if there is none, or if its trigger was another then: an edit never starts anything by itself.
        """
        mark = self._marks.get(automation.name)
        return mark.pos if mark is not None and mark.on == _written(automation) else None

    def save(self, positions: Mapping[str, int], automations: Mapping[str, Automation]) -> None:
        """Put them on disk and forget all others."""
        marks = {name: _Mark(_written(automations[name]), pos) for name, pos in positions.items()}
        if marks == self._marks:
            return
        self._marks = marks
        if self._path is not None:
            write_whole(self._path, msgspec.json.encode(marks))

    def _read(self) -> dict[str, _Mark]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, _Mark]) if self._path else {}
        except (OSError, msgspec.DecodeError):
            # Without it nothing is caught up, which is what a new desk does.
            return {}


def _written(automation: Automation) -> str:
    # Not as it was written: another order of conditions is no other trigger.
    return msgspec.json.encode(automation.on, order="deterministic").decode()
