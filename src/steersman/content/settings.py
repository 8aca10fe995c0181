"""`[content]` and `[channel.NAME]` of steersman.toml: what may be written, and what is refused with its line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from steersman.kernel.toml_file import TomlFile

SECTIONS: Final = ("content", "channel")
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")
GATES: Final = (
    "spelling",
    "typo",
    "agreement",
    "grammar",
    "repetition",
    "unfinished",
    "accessibility",
    "assets",
    "banned",
    "ItsContraction",
)
"""Categories and rules that stop a post unless `[content] gates` says otherwise."""


class QaSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[content]`: where drafts lie and what stops one.

    Attributes:
        folder: Markdown files below it are drafts; inside the workspace.
        vocabulary: words of the author's own, one a line, `#` starts a comment.
        gates: rules and categories whose findings stop a post; every other finding is a warning or a note.
        off: rules that are not reported at all.
        banned: phrases that may not appear, whatever their case.
        max_size_kb: larger files are refused unread.
        dialect: of English: american, british, australian, canadian or indian.
    """

    folder: str = "content"
    vocabulary: str = "content/vocabulary.txt"
    gates: tuple[str, ...] = GATES
    # Sentence case in headings is the house style; harper asks for title case.
    off: tuple[str, ...] = ("UseTitleCase",)
    banned: tuple[str, ...] = ()
    max_size_kb: int = 512
    dialect: str = "american"


class ChannelSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[channel.NAME]`: where posts go.

    Attributes:
        kind: the adapter: `site` writes static pages, `memory` keeps them for as long as the process lives.
        folder: of the site, in the workspace.
        base_url: where that folder is served; ends in a slash, so that links can be put behind it.
        git: make one commit per post.
    """

    kind: str
    folder: str = "site"
    title: str = "Notes"
    base_url: str = "http://localhost/"
    author: str = "The desk"
    email: str = "desk@localhost"
    git: bool = True


class ContentSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Both sections, checked."""

    qa: QaSettings
    channels: dict[str, ChannelSettings]


def read(file: TomlFile, root: Path) -> ContentSettings:
    """Decode and check `[content]` and `[channel.*]`.

    Raises:
        Misconfigured: names file, line, field, what was found and what is allowed.
    """
    qa = file.section(("content",), QaSettings)
    _check_inside(file, ("content", "folder"), qa.folder, root)
    _check_inside(file, ("content", "vocabulary"), qa.vocabulary, root)
    if not 1 <= qa.max_size_kb <= 65_536:
        raise file.error(
            ("content", "max_size_kb"),
            f"found {qa.max_size_kb}, allowed: 1 to 65536",
            fix="write e.g. max_size_kb = 512",
        )
    dialects = ("american", "british", "australian", "canadian", "indian")
    if qa.dialect not in dialects:
        raise file.error(
            ("content", "dialect"),
            f"found {qa.dialect!r}, allowed: {', '.join(dialects)}",
            fix='write dialect = "american"',
        )
    if any(not phrase.strip() for phrase in qa.banned):
        raise file.error(("content", "banned"), "found an empty phrase", fix="take it out")
    if file.get("content", "vocabulary") is not None and not (root / qa.vocabulary).is_file():
        raise file.error(
            ("content", "vocabulary"), f"found {qa.vocabulary!r}, no such file", fix="make it, one word a line"
        )
    channels = file.section(("channel",), dict[str, ChannelSettings])
    for name, channel in channels.items():
        _check_channel(file, name, channel, root)
    return ContentSettings(qa=qa, channels=channels)


def _check_channel(file: TomlFile, name: str, channel: ChannelSettings, root: Path) -> None:
    here = ("channel", name)
    if not _NAME.fullmatch(name):
        raise file.error(
            here, "a name is a small letter, then small letters, digits, - or _ (40 at most)", fix="rename it"
        )
    _check_inside(file, (*here, "folder"), channel.folder, root)
    url = urlsplit(channel.base_url)
    if url.scheme not in ("http", "https") or not url.netloc or not url.path.endswith("/") or url.query:
        raise file.error(
            (*here, "base_url"),
            f"found {channel.base_url!r}, allowed: http(s)://HOST/PATH/ with a slash at its end",
            fix='write e.g. base_url = "https://example.com/"',
        )
    for field, text in (("title", channel.title), ("author", channel.author), ("email", channel.email)):
        # Git cuts these characters out of a name, and a name of nothing else is refused.
        if not text.strip() or re.search(r"[<>\n\x00]", text):
            raise file.error((*here, field), f"found {text!r}, allowed: text without < and >", fix=f"write a {field}")


def _check_inside(file: TomlFile, path: tuple[str, ...], folder: str, root: Path) -> None:
    """Refuse a path that leaves the workspace, or is the workspace itself."""
    target = (root / folder).resolve()
    if not folder or target == root.resolve() or not target.is_relative_to(root.resolve()):
        raise file.error(path, f"found {folder!r}, allowed: a path inside the workspace", fix='write e.g. "content"')
