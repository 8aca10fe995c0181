"""Whether a status is a post: its source, letter by letter; its HTML only to leave out what cannot be."""

from __future__ import annotations

import html
import re
from typing import Final

_TAG: Final = re.compile(r"<[^>]*>")


def letters(text: str) -> str:
    """Return letters and digits only: the same for a text and the HTML a server made of it, mentions apart."""
    return "".join(c for c in text if c.isalnum())


def letters_of_html(content: str) -> str:
    """Return `letters` of what a reader of this HTML sees, the hidden parts of addresses included."""
    return letters(html.unescape(_TAG.sub("", content)))


def may_show(content: str, text: str) -> bool:
    """Say whether a status with this HTML may have been made of `text`.

    What comes after a mention is not compared: HTML names a user without the server.
    """
    before, mention, _ = text.partition("@")
    shown, meant = letters_of_html(content), letters(before)
    return shown.startswith(meant) if mention else shown == meant


def is_same(source: str, text: str) -> bool:
    """Say whether the source of a status is `text`; servers cut white space at both ends."""
    return _plain(source) == _plain(text)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip()
