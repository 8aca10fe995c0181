"""`[provider.NAME]` of steersman.toml: where a login comes from; secrets by reference only."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from steersman.kernel.toml_file import TomlFile

SECTION: Final = "provider"


class ProviderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table `[provider.NAME]`."""

    kind: str


def read(file: TomlFile, root: Path) -> dict[str, ProviderSettings]:
    """Return the declared providers, checked; secrets are not looked up yet.

    Raises:
        Misconfigured: names file, line, field, what was found and what is allowed.
    """
    return file.section((SECTION,), dict[str, ProviderSettings])
