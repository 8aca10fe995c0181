"""The pictures of a draft: where its body shows which, and whether the file may go along with a post."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import msgspec

from steersman.content.bare import bare
from steersman.content.model.draft import Draft

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_REMOTE: Final = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:|//)")
LARGEST_BYTES: Final = 20 * 1024 * 1024
EXTENSIONS: Final = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/avif": ".avif",
}


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A picture as the body shows it: `name` is its address there (percent signs decoded), `line` 1 is the file's."""

    name: str
    alt: str
    line: int

    @property
    def is_local(self) -> bool:
        """Whether it is a file of ours rather than an address elsewhere."""
        return not _REMOTE.match(self.name)


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A local picture: its file if it may go along, else `problem` and `fix` in words."""

    shown: Shown
    path: Path | None = None
    mime: str = ""
    sha256: str = ""
    size_bytes: int = 0
    problem: str = ""
    fix: str = ""


def shown_in(draft: Draft) -> list[Shown]:
    """Return every picture that the Markdown of `draft` shows, in its order; none inside code or HTML."""
    first = draft.masked.source.count("\n", 0, draft.body_start) + 1
    found = []
    for token in _parser().parse(draft.body):
        for image in _images(token):
            line = first + (token.map[0] if token.map else 0)
            name = unquote(str(image.attrGet("src") or ""))
            found.append(Shown(name=name, alt=" ".join(image.content.split()), line=line))
    return found


def locate(root: Path, folder: str, draft: Draft, shown: Shown) -> Picture:
    """Find the file of a local picture, and say what keeps it from going along.

    An address that begins with a slash counts from the content `folder`, any other from the draft's own.
    """
    start = root / folder if shown.name.startswith("/") else (root / draft.name).parent
    path = start / shown.name.lstrip("/")
    try:
        target = path.resolve()
        inside = target.relative_to(root.resolve())
        if not target.is_file():
            return Picture(
                shown=shown,
                problem=f"there is no file {_relative(path, root)}",
                fix="put it there, correct the address, or give a full one",
            )
        with target.open("rb") as file:
            mime = _mime(file.read(32))
        size = target.stat().st_size
    except ValueError:  # outside of the workspace, or a name no file can have
        problem = f"{shown.name} lies outside of the workspace"
        return Picture(shown=shown, problem=problem, fix="copy it beside the draft")
    except OSError as exc:
        return Picture(shown=shown, problem=f"{shown.name} cannot be read: {exc.strerror}", fix="check its permissions")
    if any(part.startswith(".") for part in inside.parts):
        return Picture(shown=shown, problem=f"{shown.name} is hidden", fix="copy it beside the draft")
    if mime not in EXTENSIONS:
        return Picture(
            shown=shown,
            problem=f"{shown.name} is no PNG, JPEG, GIF, WebP or AVIF picture",
            fix="convert it; an SVG may hold programs",
        )
    if not 0 < size <= LARGEST_BYTES:
        return Picture(
            shown=shown,
            problem=f"{shown.name} has {size:,} bytes, allowed: 1 to {LARGEST_BYTES:,}",
            fix="make it smaller",
        )
    return Picture(shown=shown, path=target, mime=mime, size_bytes=size)


def pictures(root: Path, folder: str, draft: Draft) -> list[Picture]:
    """Return the local pictures of `draft`, each once, read and checked; one without words has a problem."""
    found: dict[str, Picture] = {}
    for shown in shown_in(draft):
        if not shown.is_local or shown.name in found:
            continue
        picture = locate(root, folder, draft, shown)
        if not picture.problem and not shown.alt:
            picture = Picture(
                shown=shown,
                problem=f"{shown.name} has no alternative text",
                fix=f"say what it shows: ![what it shows]({shown.name})",
            )
        found[shown.name] = _read(picture)
    return list(found.values())


def _read(picture: Picture) -> Picture:
    """Return the picture with hash and size of what goes out: without what a camera wrote into it."""
    if picture.path is None:
        return picture
    name = picture.shown.name
    try:
        content = bare(picture.path.read_bytes(), picture.mime)
    except OSError as exc:
        return Picture(shown=picture.shown, problem=f"{name} cannot be read: {exc.strerror}", fix="check the file")
    except ValueError as exc:
        return Picture(shown=picture.shown, problem=f"{name}: {exc}", fix="save it again as PNG or JPEG")
    return msgspec.structs.replace(picture, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))


def _images(token: Token) -> Iterator[Token]:
    for child in token.children or ():
        if child.type == "image":
            yield child


def _mime(head: bytes) -> str:
    """Return the type that the first bytes of a file say, whatever its name says."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"):
        return "image/avif"
    return ""


def _relative(path: Path, root: Path) -> str:
    return path.as_posix().removeprefix(root.as_posix()).lstrip("/")


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # start-up time: only what reads a body needs it

    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
