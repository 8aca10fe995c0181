"""What a server allows, remembered in a file between processes: limits are known without asking."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from steersman.content.ports import Limits

_PATHS: Final = {
    "max_characters": ("statuses", "max_characters"),
    "url_characters": ("statuses", "characters_reserved_per_url"),
    "max_media": ("statuses", "max_media_attachments"),
    "max_media_bytes": ("media_attachments", "image_size_limit"),
    "max_alt": ("media_attachments", "description_limit"),
}
_SETTLE_S: Final = 60.0
"""A busy server may finish a request it gave up answering; its own memory of Idempotency-Key begins only after that."""


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a server; those of Mastodon 4 as it comes until it was asked."""

    max_characters: int = 500
    url_characters: int = 23
    max_media: int = 4
    max_media_bytes: int = 16 * 1024 * 1024
    max_alt: int = 1500

    def limits(self) -> Limits:
        return Limits(
            shows="text",
            max_graphemes=self.max_characters,
            url_graphemes=self.url_characters,
            max_media=self.max_media,
            max_media_bytes=self.max_media_bytes,
            max_alt=self.max_alt,
            has_engagement=True,
            settle_s=_SETTLE_S,
        )


def told(answer: object) -> Instance:
    """Return the limits in an answer of `/api/v2/instance` (or v1); what it does not say stays as it comes."""
    configuration = answer.get("configuration") if isinstance(answer, Mapping) else None
    found: dict[str, int] = {}
    for name, path in _PATHS.items():
        value = _at(configuration, path)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            found[name] = value
    return Instance(**found)


def _at(tree: object, path: tuple[str, ...]) -> Any:
    for name in path:
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree


def remembered(path: Path) -> Instance:
    """Return what was last kept at `path`; a file that is missing or damaged is as good as a server never asked."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Instance)
    except (OSError, msgspec.DecodeError):
        return Instance()


def remember(path: Path, instance: Instance) -> None:
    """Keep it; a disk that will not is no reason not to publish."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        beside.write_bytes(msgspec.json.encode(instance))
        beside.replace(path)
    except OSError:
        return
