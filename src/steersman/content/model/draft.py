"""A draft: Markdown with YAML front matter, decoded and checked once; refusals name file, line, found and allowed."""

from __future__ import annotations

import hashlib
import re
from typing import Final

import msgspec

from steersman.content.model.encoding import decode
from steersman.content.model.fields import FIELDS, STATUSES, DraftStatus, Fields, Instant
from steersman.content.model.finding import Found
from steersman.content.model.front_matter import read_front_matter
from steersman.content.model.mask import Flavour, Masked, mask
from steersman.content.model.unreadable import DraftUnreadable

__all__ = ["EXTENSIONS", "FIELDS", "STATUSES", "Draft", "DraftStatus", "DraftUnreadable", "Instant", "parse"]

EXTENSIONS: Final = (".md", ".markdown", ".mdx")
"""What the name of a draft may end in; `.mdx` is read as MDX."""
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W_]+)*")


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a draft.

    Attributes:
        name: path relative to the workspace, with slashes.
        slug: last part of its address; the front matter's, else made from the path below the content folder.
        date: when it may go out: a day, or an instant (naive ones are the desk's time); None is as soon as it is ready.
        status: only `ready` drafts are published.
        channels: empty means every channel of the workspace.
        type: the kind of piece (essay, note, release...): rules, voice and slots are learned per type.
        language: BCP 47.
        embargo: not before this day or instant, whatever slot is found; None: none.
        campaign: pieces of one campaign go out in the order of their `order`.
        variants: the text for a channel that shows short text, by the channel's name; others get one made.
        sha256: of the bytes on disk.
        body_start: first code point after the front matter.
        words: of prose.
        notes: what the front matter itself is told, e.g. a field nobody reads.
    """

    name: str
    title: str
    slug: str
    date: Instant
    summary: str
    tags: tuple[str, ...]
    channels: tuple[str, ...]
    status: DraftStatus
    type: str
    language: str
    embargo: Instant
    campaign: str
    order: int
    variants: dict[str, str]
    sha256: str
    masked: Masked
    body_start: int
    words: int
    notes: tuple[Found, ...]

    @property
    def body(self) -> str:
        """The Markdown after the front matter, as on disk."""
        return self.masked.source[self.body_start :]


def parse(raw: bytes, *, name: str, folder: str) -> Draft:
    """Read a draft.

    Args:
        raw: the bytes on disk.
        name: path relative to the workspace, with slashes; what refusals call it.
        folder: the content folder, relative to the workspace.

    Raises:
        DraftUnreadable: not UTF-8, no front matter or a broken one, a field with a wrong value, no title.
    """
    text = decode(raw, name)
    front = read_front_matter(text, name)
    fields = Fields(front)
    flavour: Flavour = "mdx" if name.endswith(".mdx") else "markdown"
    masked = mask(text, front.end, flavour)
    return Draft(
        name=name,
        title=fields.text("title"),
        slug=fields.slug(_slug_of(name, folder)),
        date=fields.date("date"),
        summary=fields.text("summary", required=False),
        tags=fields.words("tags"),
        channels=fields.words("channels"),
        status=fields.status(),
        type=fields.label("type", "post"),
        language=fields.label("language", "en"),
        embargo=fields.date("embargo"),
        campaign=fields.text("campaign", required=False),
        order=fields.number("order"),
        variants=fields.variants(),
        sha256=hashlib.sha256(raw).hexdigest(),
        masked=masked,
        body_start=front.end,
        words=len(_WORD.findall(masked.prose)),
        notes=fields.unknown(),
    )


def _slug_of(name: str, folder: str) -> str:
    prefix = f"{folder.strip('/')}/"
    inner = name.removeprefix(prefix) if name.startswith(prefix) else name.rpartition("/")[2]
    return re.sub(r"[^a-z0-9]+", "-", _stem(inner).lower()).strip("-")


def _stem(name: str) -> str:
    ending = next((one for one in EXTENSIONS if name.endswith(one)), "")
    return name.removesuffix(ending)
