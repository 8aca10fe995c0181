"""The comment in a post that says whose it is, and whether it still shows what we put there.

WordPress filters what it is told (for users without `unfiltered_html` it rewrites entities, attributes and link
schemes), so a post cannot be compared with what was sent. What it stored is read back instead, and the comment carries
the hash of that.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

# As a block of HTML it is shown as it is: without a block, WordPress makes a line break of every soft one.
_OPEN: Final = "<!-- wp:html -->\n"
_CLOSE: Final = "\n<!-- /wp:html -->"
_CODE: Final = re.compile(r"<pre>.*?</pre>", re.DOTALL)
_MARK: Final = re.compile(r"<!-- steersman:([0-9a-f]{16}):([0-9a-f]{64}):([0-9a-f]{64}) -->\n?")


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What the comment says.

    Attributes:
        owner: hash of `Post.key`.
        content_sha256: `Post.content_sha256`.
        shown_sha256: of what WordPress had stored when the comment was written: see `shown`.
    """

    owner: str
    content_sha256: str
    shown_sha256: str

    def text(self) -> str:
        return f"<!-- steersman:{self.owner}:{self.content_sha256}:{self.shown_sha256} -->\n"


def owner(key: str) -> str:
    """Return how a mark names the post `key`; the key itself may hold what no HTML comment may."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def block(body: str) -> str:
    """Return the content of a post that shows the HTML `body`, without a mark.

    WordPress runs whatever looks like a shortcode, in code samples too, and puts a player where a line is nothing but
    an address. Entities look the same to readers and like nothing to WordPress; three digits each, because it would
    pad two, which would be another content.
    """
    inert = _CODE.sub(lambda code: code[0].replace("://", ":&#047;/"), body.strip().replace("[", "&#091;"))
    return f"{_OPEN}{inert}{_CLOSE}"


def marked(content: str, mark: Mark) -> str:
    """Return `content` with `mark` as its only mark."""
    plain = _MARK.sub("", content)
    cut = len(_OPEN) if plain.startswith(_OPEN) else 0
    return plain[:cut] + mark.text() + plain[cut:]


def find(content: str) -> Mark | None:
    """Return the mark in the raw content of a post."""
    found = _MARK.search(content)
    if found is None:
        return None
    return Mark(owner=found[1], content_sha256=found[2], shown_sha256=found[3])


def text(plain: str) -> str:
    """Return plain text as titles, excerpts and names hold it: they are HTML to WordPress."""
    return html.escape(plain, quote=False)


def shown(post: Mapping[str, Any]) -> str:
    """Return the hash of what a post shows: title, excerpt, content without its mark, and tags.

    Args:
        post: as WordPress answers with `context=edit`.
    """
    parts = [
        post["title"]["raw"],
        post["excerpt"]["raw"],
        _MARK.sub("", post["content"]["raw"]),
        *(str(tag) for tag in sorted(post["tags"])),
    ]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
