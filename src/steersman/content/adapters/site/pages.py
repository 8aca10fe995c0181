"""Posts to pages: Markdown to safe HTML, and every file of the site as a function of its records."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from steersman.content.adapters.site.settings import SiteSettings
from steersman.content.html import to_html
from steersman.content.images import EXTENSIONS
from steersman.content.ports import Media, Post
from steersman.kernel.clock import iso, utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Environment

_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

MEDIA: Final = "media"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A post as the site keeps it: rendered, without the comments of its draft. Instants in ns since 1970 UTC.

    Attributes:
        media: names of its pictures in `media/`.
    """

    key: str
    slug: str
    title: str
    summary: str
    tags: tuple[str, ...]
    html: str
    content_sha256: str
    published_at: int
    updated_at: int
    media: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        return f"posts/{self.slug}.html"

    @property
    def day(self) -> str:
        return f"{utc(self.published_at):%Y-%m-%d}"

    @property
    def published(self) -> str:
        return iso(self.published_at)

    @property
    def updated(self) -> str:
        return iso(self.updated_at)


def record(post: Post) -> Record:
    """Render `post`; characters that no XML may hold are dropped, or one of them would break the whole feed."""
    shown = {one.name: f"../{MEDIA}/{media_name(one)}" for one in post.media}
    return Record(
        key=post.key,
        slug=post.slug,
        title=_NOT_XML.sub("", post.title),
        summary=_NOT_XML.sub("", post.summary),
        tags=tuple(_NOT_XML.sub("", tag) for tag in post.tags),
        html=_NOT_XML.sub("", to_html(post.body, shown)),
        content_sha256=post.content_sha256,
        published_at=post.published_at,
        updated_at=post.updated_at,
        media=tuple(sorted({media_name(one) for one in post.media})),
    )


def media_name(media: Media) -> str:
    """Return the name of a picture in `media/`: the same picture is there once, whatever the drafts call it."""
    return f"{media.sha256[:16]}{EXTENSIONS.get(media.mime, '')}"


@cache
def _templates() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # as above

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def build(records: Sequence[Record], settings: SiteSettings) -> dict[str, bytes]:
    """Return every file of the site by its path, the feed last; the same records give the same bytes.

    Args:
        records: in any order; shown newest first.
    """
    newest = sorted(records, key=lambda one: (-one.published_at, one.key))
    host = urlsplit(settings.base_url).hostname
    shared = {"site": settings, "records": newest, "host": host}
    files = {one.path: _templates().get_template("post.html").render(post=one, up="../", **shared) for one in newest}
    files["style.css"] = (Path(__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")
    files["index.html"] = _templates().get_template("index.html").render(up="", **shared)
    updated = iso(max((one.updated_at for one in newest), default=0))
    files["feed.xml"] = _templates().get_template("feed.xml").render(updated=updated, **shared)
    return {path: text.encode("utf-8") for path, text in files.items()}
