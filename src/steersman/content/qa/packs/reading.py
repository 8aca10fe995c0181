"""Packs by name (those that come with the program) or by path in the workspace; refused with file, line and field."""

from __future__ import annotations

import difflib
from importlib.resources import files
from pathlib import Path
from typing import Final

from steersman.content.model.draft import FIELDS
from steersman.content.qa.packs.pack import Pack
from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile

_READY: Final = files("steersman.content.qa.packs") / "ready"
_LARGEST_BYTES: Final = 1_048_576
_NOT_NEGATIVE: Final = (
    ("title", "min_length"), ("title", "max_length"), ("summary", "min_length"), ("summary", "max_length"),
    ("links", "per_100_words"), ("images", "min_alt"), ("images", "max_alt"), ("readability", "max_sentence_words"),
    ("readability", "max_paragraph_words"), ("readability", "max_grade"),
)  # fmt: skip


def ready_names() -> list[str]:
    """Return the packs that come with the program."""
    return sorted(entry.name.removesuffix(".toml") for entry in _READY.iterdir() if entry.name.endswith(".toml"))


def ready_text(name: str) -> str:
    """Return a ready pack as it is written, to copy and change.

    Raises:
        Misconfigured: there is none of that name.
    """
    if name not in ready_names():
        raise Misconfigured(f"there is no pack {name!r}", fix=f"ready ones: {', '.join(ready_names())}")
    return (_READY / f"{name}.toml").read_text(encoding="utf-8")


def load(name: str, root: Path) -> Pack:
    """Return the pack `name`: a ready one, or a `.toml` file of the workspace.

    Raises:
        Misconfigured: there is none, or it is wrong; names file, line, field, what was found and what is allowed.
    """
    if not name.endswith(".toml"):
        return parse(ready_text(name), name=f"{name}.toml")
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()):
        raise Misconfigured(f"the pack {name} is outside the workspace", fix="copy it into the workspace")
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_BYTES + 1)
    except OSError as exc:
        raise Misconfigured(
            f"the pack {name} cannot be read: {exc.strerror}",
            fix=f"`steersman content packs --show {ready_names()[0]} > {name}` writes one to begin with",
        ) from exc
    if len(raw) > _LARGEST_BYTES:
        raise Misconfigured(f"the pack {name} is larger than 1 MB", fix="split it")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise Misconfigured(f"{name}: byte {exc.start} is not UTF-8", fix="save it as UTF-8") from exc
    return parse(text, name=name)


def parse(text: str, *, name: str) -> Pack:
    """Decode and check a pack.

    Raises:
        Misconfigured: as `load`.
    """
    file = TomlFile(text, name=name)
    pack = file.section((), Pack)
    for field in pack.front_matter.required:
        if field not in FIELDS:
            near = difflib.get_close_matches(field, FIELDS, n=1)
            raise file.error(
                ("front_matter", "required"),
                f"found {field!r}, allowed: {', '.join(FIELDS)}",
                fix=f"did you mean {near[0]!r}?" if near else "take it out",
            )
    for section, field in _NOT_NEGATIVE:
        value = getattr(getattr(pack, section), field)
        if value < 0:
            raise file.error((section, field), f"found {value}, allowed: 0 (no limit) or more", fix="correct it")
    for section in ("title", "summary"):
        length = getattr(pack, section)
        if 0 < length.max_length < length.min_length:
            raise file.error(
                (section, "min_length"),
                f"found {length.min_length}, above max_length {length.max_length}",
                fix="lower it",
            )
    if not 2 <= pack.headings.max_depth <= 6:
        raise file.error(("headings", "max_depth"), f"found {pack.headings.max_depth}, allowed: 2 to 6", fix="write 3")
    if not 0 <= pack.duplicates.shared_ratio <= 1:
        raise file.error(
            ("duplicates", "shared_ratio"), f"found {pack.duplicates.shared_ratio}, allowed: 0 to 1", fix="write 0.3"
        )
    _check_phrases(file, pack)
    return pack


def _check_phrases(file: TomlFile, pack: Pack) -> None:
    for section, phrases in (("terms", pack.terms), ("banned", pack.banned)):
        for phrase in phrases:
            if not phrase.strip():
                raise file.error((section, phrase), "found an empty phrase", fix="take it out")
    for term, wrong in pack.terms.items():
        if term in wrong or any(not one.strip() for one in wrong):
            raise file.error(
                ("terms", term), f"found {list(wrong)!r}, allowed: wrong ways to write {term!r}", fix="take it out"
            )
