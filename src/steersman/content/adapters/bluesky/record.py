"""A post as a record of the lexicon app.bsky.feed.post, and whether a record shows exactly that post."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final

from steersman.content.adapters.bluesky.facets import facets
from steersman.content.adapters.bluesky.pictures import picture
from steersman.content.ports import Media, Post
from steersman.kernel.clock import iso
from steersman.kernel.errors import Rejected

COLLECTION: Final = "app.bsky.feed.post"
MAX_IMAGES: Final = 4
_IMAGES: Final = "app.bsky.embed.images"
_CID_OF_RAW_SHA256: Final = b"\x01\x55\x12\x20"
"""CID version 1, codec raw, then the multihash of 32 bytes of SHA-256."""

Record = dict[str, Any]


def record(post: Post, languages: Sequence[str], embed: Record | None) -> Record:
    """Return the record that shows `post`, with `embed` as `images` or `card` made it.

    Raises:
        Rejected: the text cannot be sent (half of a surrogate pair), or a link has no place in it.
    """
    try:
        post.text.encode()
    except UnicodeEncodeError as exc:
        raise Rejected(
            f"the text has half a character at position {exc.start}",
            fix="remove it: it came from a program that cut an emoji in two",
        ) from None
    found: Record = {
        "$type": COLLECTION,
        "text": post.text,
        "createdAt": iso(post.published_at),
        "langs": list(languages) or [one for one in (post.language,) if one],
    }
    marked = facets(post.text, post.links)
    if marked:
        found["facets"] = marked
    if embed is not None:
        found["embed"] = embed
    return found


def card(post: Post) -> Record | None:
    """Return the preview card of `post.link`; None if it has no link, or shows pictures: a post has room for one."""
    if not post.link or post.media:
        return None
    external = {"uri": post.link, "title": post.title, "description": post.summary}
    return {"$type": "app.bsky.embed.external", "external": external}


def images(media: Sequence[Media], uploaded: Sequence[Record], data: Sequence[bytes]) -> Record:
    """Return the pictures of a post; `uploaded` are the blobs as the server named them, `data` their bytes."""
    shown = []
    for one, blob, content in zip(media, uploaded, data, strict=True):
        image: Record = {"image": blob, "alt": one.alt}
        size = picture(content)
        if size is not None:
            image["aspectRatio"] = {"width": size.width, "height": size.height}
        shown.append(image)
    return {"$type": _IMAGES, "images": shown}


def is_ours(shown: Record, post: Post) -> bool:
    """Say whether `shown` is some revision of `post`: its moment stays the same for ever."""
    return shown.get("$type") == COLLECTION and shown.get("createdAt") == iso(post.published_at)


def shows(shown: Record, post: Post, languages: Sequence[str]) -> bool:
    """Say whether `shown` is exactly `post`. Pictures are compared by content address, so no file is read."""
    blobs = [
        {"image": {"ref": {"$link": blob_cid(one.sha256)}, "size": one.size_bytes}, "alt": one.alt}
        for one in post.media
    ]
    wanted = record(post, languages, {"$type": _IMAGES, "images": blobs} if blobs else card(post))
    return _without_what_follows(shown) == wanted


def blob_cid(sha256: str) -> str:
    """Return the content address (CID) of a file with this SHA-256.

    Raises:
        Rejected: it is no SHA-256 in hexadecimal digits.
    """
    try:
        digest = bytes.fromhex(sha256)
    except ValueError:
        raise Rejected("a picture has no SHA-256", fix="plan the post again") from None
    return "b" + base64.b32encode(_CID_OF_RAW_SHA256 + digest).decode().lower().rstrip("=")


def _without_what_follows(shown: Record) -> Record:
    """Return `shown` without what follows from the bytes of its pictures: type, and width and height."""
    embed = shown.get("embed")
    if not isinstance(embed, dict) or embed.get("$type") != _IMAGES or not isinstance(embed.get("images"), list):
        return shown
    kept = []
    for one in embed["images"]:
        image = one.get("image") if isinstance(one, dict) else None
        if not isinstance(image, dict):
            return shown
        rest = {name: value for name, value in one.items() if name not in ("aspectRatio", "image")}
        kept.append({**rest, "image": {name: image.get(name) for name in ("ref", "size")}})
    return {**shown, "embed": {**embed, "images": kept}}
