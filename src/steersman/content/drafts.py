"""The drafts of a workspace: which files they are, read with a limit, and the author's own words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath, PurePosixPath
from typing import Final

from steersman.content.model.draft import EXTENSIONS, Draft, DraftUnreadable, parse
from steersman.content.settings import QaSettings
from steersman.kernel.errors import Misconfigured

LARGEST_KB: Final = 65_536


def find_drafts(root: Path, settings: QaSettings, only: Sequence[Path] = ()) -> list[str]:
    """Return the names of the drafts, sorted: paths relative to the workspace, with slashes.

    Files and folders that begin with a dot or an underscore are left out, and so is README.md.

    Args:
        only: files or folders to keep to; relative ones are tried from here, from the workspace, then from the folder
            of drafts. The ending of a file may be left out.

    Raises:
        Misconfigured: one of `only` is not there, or is no Markdown file inside the workspace; names the nearest.
    """
    home = root.resolve()
    if not only:
        return sorted(_below(home, home / settings.folder))
    names: set[str] = set()
    for path in only:
        there = [place for place in _places(path, home, settings.folder) if place.exists()]
        # A file beside the caller does not hide a draft of the same name in the workspace that --dir names.
        target = next((place for place in there if place.is_relative_to(home)), there[0] if there else None)
        if target is None:
            raise Misconfigured(f"there is no draft {path}", fix=_nearest(path, home, settings.folder))
        if not target.is_relative_to(home):
            raise Misconfigured(
                f"{path} is outside of the workspace {home}", fix="name the workspace it belongs to with --dir"
            )
        if target.is_file() and target.suffix not in EXTENSIONS:
            endings = ", ".join(EXTENSIONS)
            raise Misconfigured(
                f"{path} is no Markdown file ({endings}) of this workspace", fix=f"look in {settings.folder}/"
            )
        names.update(_below(home, target) if target.is_dir() else [target.relative_to(home).as_posix()])
    return sorted(names)


def names_for(root: Path, settings: QaSettings, path: Path) -> list[str]:
    """Return the names a draft may have, or have had, that somebody calls `path`; none of them need be there."""
    home = root.resolve()
    places = [place for place in _places(path, home, settings.folder) if place.is_relative_to(home)]
    return [place.relative_to(home).as_posix() for place in places]


def find_draft(root: Path, settings: QaSettings, path: Path) -> str:
    """Return the one draft that `path` names.

    Raises:
        Misconfigured: as `find_drafts`, or it is a folder of none or several.
    """
    names = find_drafts(root, settings, [path])
    if len(names) != 1:
        raise Misconfigured(f"{path} holds {len(names)} drafts, and this is about one", fix="name its file")
    return names[0]


def _places(path: Path, home: Path, folder: str) -> Iterator[Path]:
    """Yield where a draft may be that somebody calls `path`, the most literal reading first."""
    bases = (Path(), home, home / folder)
    yield from ((base / path).resolve() for base in bases)
    if path.name and path.suffix not in EXTENSIONS:
        yield from ((base / f"{path}{ending}").resolve() for base in bases for ending in EXTENSIONS)


def _nearest(path: Path, home: Path, folder: str) -> str:
    by_stem = {PurePosixPath(name).stem: name for name in _below(home, home / folder)}
    near = difflib.get_close_matches(path.stem, by_stem, n=1)
    return f"did you mean {by_stem[near[0]]}?" if near else "`steersman content list` names them"


def _below(home: Path, folder: Path) -> Iterable[str]:
    for path in folder.rglob("*"):
        if _may_be_draft(path.relative_to(folder)) and path.is_file():
            yield path.relative_to(home).as_posix()


def is_draft_name(name: str, folder: str) -> bool:
    """Say whether a file of this name, relative to the workspace, would be found as a draft."""
    path = PurePosixPath(name)
    return path.is_relative_to(folder) and _may_be_draft(path.relative_to(folder))


def _may_be_draft(inner: PurePath) -> bool:
    return inner.suffix in EXTENSIONS and inner.stem != "README" and not any(part[0] in "._" for part in inner.parts)


def read_draft(root: Path, name: str, settings: QaSettings) -> Draft:
    """Read and parse one draft.

    Raises:
        DraftUnreadable: too large, gone, outside the workspace, or no draft.
    """
    path = root / name
    limit = settings.max_size_kb * 1024
    try:
        # A link out of the workspace would publish a file that was never put there.
        if not path.resolve().is_relative_to(root.resolve()):
            raise DraftUnreadable(name, "it is a link out of the workspace", line=None, fix="copy the file instead")
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except FileNotFoundError as exc:
        fix = "put it back; `steersman content unpublish` takes away what it published"
        raise DraftUnreadable(name, "its file is gone", line=None, fix=fix) from exc
    except OSError as exc:
        raise DraftUnreadable(name, f"cannot be read: {exc.strerror}", line=None, fix="check its permissions") from exc
    if len(raw) > limit:
        raise _too_large(name, path.stat().st_size, settings.max_size_kb)
    return draft_of_bytes(raw, name, settings)


def draft_of_bytes(raw: bytes, name: str, settings: QaSettings) -> Draft:
    """Parse what is staged, kept or on disk under the name of a draft.

    Raises:
        DraftUnreadable: too large, or no draft.
    """
    if len(raw) > settings.max_size_kb * 1024:
        raise _too_large(name, len(raw), settings.max_size_kb)
    return parse(raw, name=name, folder=settings.folder)


def _too_large(name: str, size_bytes: int, allowed_kb: int) -> DraftUnreadable:
    needed_kb = -(-size_bytes // 1024)
    if needed_kb > LARGEST_KB:
        fix = f"split it: no draft may be larger than {LARGEST_KB} KB"
    else:
        fix = f"split it, or set [content] max_size_kb = {needed_kb} or more"
    return DraftUnreadable(name, f"{needed_kb} KB, allowed: {allowed_kb} KB", line=None, fix=fix)


def read_vocabulary(root: Path, settings: QaSettings) -> tuple[str, ...]:
    """Return the author's own words; none if there is no file.

    Raises:
        Misconfigured: the file is not UTF-8 text.
    """
    path = root / settings.vocabulary
    if not path.is_file():
        return ()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as exc:
        raise Misconfigured(f"{settings.vocabulary}: byte {exc.start} is not UTF-8", fix="save it as UTF-8") from exc
    words = (line.partition("#")[0].strip() for line in text.splitlines())
    return tuple(dict.fromkeys(word for word in words if word))
