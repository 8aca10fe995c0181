"""Tags of a draft to hashtags that platforms link."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_BREAKS: Final = re.compile(r"[\s/&+-]+")
_QUOTES: Final = str.maketrans("", "", "'’")


def hashtag(tag: str) -> str:
    """Return the hashtag of `tag`, without its #; empty if none would mean the same.

    Words are joined with a capital each (`machine learning` -> `MachineLearning`): a screen reader tells them apart
    then. A tag with signs that no platform links (`c++`) makes none, because what is left would be another tag.
    """
    if tag.strip() != tag.strip(" +&/-#"):
        return ""
    words = [word for word in _BREAKS.split(tag.strip().translate(_QUOTES)) if word]
    if not words:
        return ""
    joined = words[0] if len(words) == 1 else "".join(word[0].upper() + word[1:] for word in words)
    if not all(_is_linked(character) for character in joined) or joined.replace("_", "").isdigit():
        return ""
    return joined


def _is_linked(character: str) -> bool:
    return character == "_" or unicodedata.category(character)[0] in "LMN"
