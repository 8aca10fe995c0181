"""Names for automations, made from what they run: valid, unique, the same on every reading."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Final

_LONGEST: Final = 40
_FALLBACK: Final = "job"


def name_from(label: str) -> str:
    """Return `label` as a name: a small letter, then small letters, digits, - or _, 40 at most."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", label).lower()
    text = re.sub(r"[^a-z0-9_-]+", "_", text).strip("_-")
    text = re.sub(r"_{2,}", "_", text)
    if text and not text[0].isalpha():
        text = f"{_FALLBACK}_{text}"
    return text[:_LONGEST].rstrip("_-") or _FALLBACK


def unique(name: str, taken: Container[str]) -> str:
    """Return `name`, or with -2, -3, ... behind it the first that is not `taken`."""
    if name not in taken:
        return name
    number = 2
    while (candidate := f"{name[: _LONGEST - len(str(number)) - 1]}-{number}") in taken:
        number += 1
    return candidate
