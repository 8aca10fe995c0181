"""`[pull.NAME]` and `[cache]` of steersman.toml: what is pulled, how long it is good, what it must look like."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

import msgspec

from steersman.kernel.toml_file import TomlFile

SECTIONS: Final = ("pull", "cache")


class Pull(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table `[pull.NAME]`."""

    url: str = ""


class PullSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Every declared pull, and the bounds of the cache."""

    pulls: dict[str, Pull]


def read(file: TomlFile, root: Path, *, providers: Collection[str]) -> PullSettings:
    """Return the declared pulls, checked.

    Raises:
        Misconfigured: names file, line, field, what was found and what is allowed.
    """
    return PullSettings(pulls=file.section(("pull",), dict[str, Pull]))
