"""What a house-style pack may say. Every table is optional; what is not said is not checked."""

from __future__ import annotations

from typing import Literal

import msgspec

Case = Literal["any", "sentence", "title"]


class About(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[pack]`: what it is for, and which of its categories stop a post."""

    name: str
    describes: str = ""
    gates: tuple[str, ...] = ()


class FrontMatter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[front_matter]`: fields that a draft must fill in."""

    required: tuple[str, ...] = ()


class Length(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[summary]`: the description that search engines show, in characters; 0 is no limit."""

    min_length: int = 0
    max_length: int = 0


class Title(Length, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[title]`: as `[summary]`, and how it is written. `full_stop = false`: it does not end in one."""

    case: Case = "any"
    full_stop: bool = True


class Headings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[headings]`: `max_depth` 2..6; `unique`: no two alike; `full_stop = false`: none ends in one."""

    case: Case = "any"
    max_depth: int = 6
    unique: bool = False
    full_stop: bool = True


class Links(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[links]`: `https`: no plain http; `per_100_words`: most links of a piece, 0 is no limit."""

    https: bool = False
    per_100_words: float = 0


class Images(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[images]`: lengths of alternative texts; `says_image = false`: they do not begin with "image of"."""

    min_alt: int = 0
    max_alt: int = 0
    says_image: bool = True


class Numbers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[numbers]`: `source`: a statistic needs a link, a footnote or a named source in its paragraph.

    Attributes:
        named: phrases that name a source; they count besides links, footnotes and the author's own measurements.
    """

    source: bool = False
    named: tuple[str, ...] = ()


class Readability(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[readability]`: most words of a sentence and a paragraph, highest Flesch-Kincaid grade; 0 is no limit."""

    max_sentence_words: int = 0
    max_paragraph_words: int = 0
    max_grade: float = 0


class Duplicates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[duplicates]`: share (0..1) of a draft's runs of five words that an earlier post has too; 0 is not checked."""

    shared_ratio: float = 0


class Pack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One house style.

    Attributes:
        terms: how a name is written, and wrong ways to write it; other cases of it are wrong without being listed.
        banned: phrases, each with what to write instead (several, or "" to leave it out).
    """

    pack: About
    terms: dict[str, tuple[str, ...]] = {}
    banned: dict[str, str | tuple[str, ...]] = {}
    front_matter: FrontMatter = FrontMatter()
    title: Title = Title()
    summary: Length = Length()
    headings: Headings = Headings()
    links: Links = Links()
    images: Images = Images()
    numbers: Numbers = Numbers()
    readability: Readability = Readability()
    duplicates: Duplicates = Duplicates()
