"""`[review]`: whether a person must approve a draft before it goes out."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from steersman.kernel.toml_file import TomlFile

_LABEL: Final = re.compile(r"[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*")


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
    review = file.section(("review",), ReviewSettings)
    wrong = next((name for name in review.types if not _LABEL.fullmatch(name)), None)
    if wrong is not None:
        raise file.error(
            ("review", "types"),
            f"found {wrong!r}, allowed: content types as drafts name them, one word each",
            fix='write e.g. types = ["essay", "release"]',
        )
    if review.types and not review.required:
        raise file.error(
            ("review", "types"),
            "types are named and required is false, so that nothing must be approved",
            fix="write required = true, or take types out",
        )
    return review
