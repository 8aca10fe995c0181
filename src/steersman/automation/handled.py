"""Up to which instant the starts of each schedule have been taken care of: what catch-up counts from."""

from __future__ import annotations

from collections.abc import Container, Mapping
from pathlib import Path

import msgspec

from steersman.automation.model.manifest import Automation
from steersman.kernel.whole_file import write_whole


class _Mark(msgspec.Struct, frozen=True):
    schedule: str
    through: int


class Handled:
    """One small file per workspace; without a path, memory only.

    Written after the starts it speaks of were asked for: a crash in between asks for them again under the same run
    ids, and one start is one run.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._marks = self._read()

    def through(self, automation: Automation) -> int | None:
        """Return the instant (ns) of the last start that was taken care of.

        None if there is none, or if the schedule was another then: an edit never starts anything by itself.
        """
        mark = self._marks.get(automation.name)
        return mark.through if mark is not None and mark.schedule == _written(automation) else None

    def mark(self, automation: Automation, through: int) -> None:
        """Remember that every start up to and at `through` is taken care of."""
        self._marks[automation.name] = _Mark(_written(automation), through)

    def keep_only(self, names: Container[str]) -> None:
        """Forget all others: what is enabled again, or declared again, begins anew and makes up for nothing."""
        self._marks = {name: mark for name, mark in self._marks.items() if name in names}

    def marks(self) -> Mapping[str, _Mark]:
        """Return what is remembered now, for `restore`."""
        return dict(self._marks)

    def restore(self, marks: Mapping[str, _Mark]) -> None:
        """Go back to what `marks` returned."""
        self._marks = dict(marks)

    def save(self) -> None:
        """Put it on disk."""
        if self._path is not None:
            write_whole(self._path, msgspec.json.encode(self._marks))

    def _read(self) -> dict[str, _Mark]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, _Mark]) if self._path else {}
        except (FileNotFoundError, msgspec.DecodeError):
            # Without it nothing is caught up, which is what a new desk does.
            return {}


def _written(automation: Automation) -> str:
    return f"{automation.schedule} {automation.tz}"
