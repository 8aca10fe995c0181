"""`[content]`: where drafts lie and what stops one."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Final

import msgspec

from steersman.content.settings.inside import check_inside
from steersman.kernel.toml_file import TomlFile

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

CATEGORIES: Final = (
    *(gate for gate in GATES if gate.islower()), "boundaryerror", "capitalization", "claims", "duplicate", "eggcorn",
    "enhancement", "formatting", "front-matter", "links", "malapropism", "miscellaneous", "nonstandard", "other",
    "punctuation", "readability", "redundancy", "regionalism", "seo", "structure", "style", "terms", "usage",
    "wordchoice",
)  # fmt: skip
"""What engines, house rules and packs call their findings. Others may come along: a gate is refused only if it looks
like one of these misspelt, because nothing would ever stop at it."""

ADVICE: Final = ("voice", "UnlikeYou")


class QaSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[content]`: where drafts lie and what stops one.

    Attributes:
        folder: Markdown files below it are drafts; inside the workspace.
        vocabulary: words of the author's own, one a line, `#` starts a comment.
        gates: rules and categories whose findings stop a post; every other finding is a warning or a note.
        off: rules that are not reported at all.
        banned: phrases that may not appear, whatever their case.
        packs: house styles: names of ready ones, or `.toml` files of the workspace; the later wins.
        max_size_kb: larger files are refused unread.
        dialect: of English: american, british, australian, canadian or indian.
        llm: a [model.NAME] that `content check` always asks too; empty: only with --llm.
        on: rules and categories that are reported although they were measured to be noise.
        deep: a second engine reads along (extra `deep`): it finds more, and spelling needs both.
        vocabulary_posts: a word of as many published posts is one of the author's; 0: only those of the file are.
        learning: rules that are hardly ever right in a content type keep quiet there.
        explore_ratio: share of what such rules say that is shown all the same, so that one can come back.
    """

    folder: str = "content"
    vocabulary: str = "content/vocabulary.txt"
    gates: tuple[str, ...] = GATES
    # Sentence case in headings is the house style; harper asks for title case.
    off: tuple[str, ...] = ("UseTitleCase",)
    banned: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()
    max_size_kb: int = 512
    dialect: str = "american"
    llm: str = ""
    on: tuple[str, ...] = ()
    deep: bool = False
    vocabulary_posts: int = 2
    learning: bool = True
    explore_ratio: float = 0.05


def read(file: TomlFile, root: Path) -> QaSettings:
    """Decode and check `[content]`.

    Raises:
        Misconfigured: names file, line, field, what was found and what is allowed.
    """
    qa = file.section(("content",), QaSettings)
    check_inside(file, ("content", "folder"), qa.folder, root)
    check_inside(file, ("content", "vocabulary"), qa.vocabulary, root)
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
    if not 0 <= qa.vocabulary_posts <= 1000:
        raise file.error(
            ("content", "vocabulary_posts"),
            f"found {qa.vocabulary_posts}, allowed: 0 (off) to 1000",
            fix="write e.g. vocabulary_posts = 2",
        )
    if not 0.0 <= qa.explore_ratio <= 1.0:
        raise file.error(("content", "explore_ratio"), f"found {qa.explore_ratio:g}, allowed: 0 to 1", fix="write 0.05")
    if advice := next((gate for gate in qa.gates if gate in ADVICE), ""):
        raise file.error(
            ("content", "gates"), f"found {advice!r}: a voice is advice and never stops a post", fix="take it out"
        )
    for gate in qa.gates:
        near = difflib.get_close_matches(gate, CATEGORIES, n=1, cutoff=0.8) if gate.islower() else []
        if near and gate not in CATEGORIES:
            raise file.error(
                ("content", "gates"),
                f"found {gate!r}: no finding is ever called that",
                fix=f"did you mean {near[0]!r}?",
            )
    if any(not phrase.strip() for phrase in qa.banned):
        raise file.error(("content", "banned"), "found an empty phrase", fix="take it out")
    if file.get("content", "vocabulary") is not None and not (root / qa.vocabulary).is_file():
        raise file.error(
            ("content", "vocabulary"), f"found {qa.vocabulary!r}, no such file", fix="make it, one word a line"
        )
    return qa
