"""`[review]`: whether a person must approve a draft before it goes out."""

from __future__ import annotations

import msgspec

from steersman.kernel.toml_file import TomlFile


class ReviewSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[review]`.

    Attributes:
        required: nothing goes out that no person approved in the version that goes out.
        types: content types this holds for; empty: all.
    """

    required: bool = False
    types: tuple[str, ...] = ()


def read(file: TomlFile) -> ReviewSettings:
    """Decode and check `[review]`.

    Raises:
        Misconfigured: names file, line, field, what was found and what is allowed.
    """
    return file.section(("review",), ReviewSettings)
