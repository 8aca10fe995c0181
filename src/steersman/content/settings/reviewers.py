"""`[reviewer.NAME]`: who else may be asked about a draft; each kind adds its own beside its adapter."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from steersman.kernel.toml_file import TomlFile

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_TAKEN: Final = ("all", "harper", "house", "lingotweaker", "links", "llm", "pictures", "scores", "style", "voice")
"""Sources of findings that are no reviewers."""


class ReviewerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every reviewer may say.

    Attributes:
        kind: the adapter.
        remote: the text of drafts may leave this machine for it; otherwise every time is asked for.
    """

    kind: str
    remote: bool = False

    @property
    def is_local(self) -> bool | None:
        """Whether text stays on this machine; None: that is up to the model it asks."""
        return None

    @property
    def minimum(self) -> Mapping[str, float]:
        """Scores below which a draft is stopped, by the reviewer's names for them, 0..100."""
        return {}

    def problems(self, root: Path) -> Iterator[tuple[str, str, str]]:
        """Yield (field, what was found and what is allowed, fix) for each value that cannot be used."""
        yield from ()


ReviewerType = Callable[[str], type[ReviewerSettings]]


def read(file: TomlFile, root: Path, reviewer_type: ReviewerType) -> dict[str, ReviewerSettings]:
    """Decode and check `[reviewer.*]`.

    Raises:
        Misconfigured: names file, line, field, what was found and what is allowed.
    """
    found: dict[str, ReviewerSettings] = {}
    for name in file.section(("reviewer",), dict[str, dict[str, Any]]):
        here = ("reviewer", name)
        if not _NAME.fullmatch(name) or name in _TAKEN:
            raise file.error(
                here,
                f"a name is a small letter, then small letters, digits, - or _, and none of {', '.join(_TAKEN)}",
                fix="rename it",
            )
        found[name] = file.section(here, file.kind_type(here, reviewer_type, "languagetool"))
        for field, problem, fix in found[name].problems(root):
            raise file.error((*here, field), problem, fix=fix)
    return found
