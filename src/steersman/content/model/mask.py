"""Cover what is not prose with fillers of equal length, so that every offset stays one of the file on disk."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from steersman.content.model.lines import Lines
from steersman.content.model.masking.blocks import Blocks
from steersman.content.model.masking.cover import FILLER, Cover, Link, Span, is_inside, touches
from steersman.content.model.masking.html import Html
from steersman.content.model.masking.inline import GLUED, Inline
from steersman.content.model.masking.mdx import mdx
from steersman.content.model.masking.templates import templates
from steersman.content.model.masking.ticks import Ticks

if TYPE_CHECKING:
    from markdown_it.token import Token

__all__ = ["FILLER", "Flavour", "Link", "Masked", "Span", "mask"]

Flavour = Literal["markdown", "mdx"]
_IN_HTML: Final = re.compile(r"<|(?<![A-Za-z0-9])(?:https?://|www\.)[^\s<>\"')\]]+")
_DESTINATION: Final = re.compile(r"\[(?P<name>[^\]]*)\]:\s*<?(?P<url>[^\s>]*)")
_BREAK: Final = re.compile(r"[\r\n]")
_TICKS: Final = re.compile(r"\\.|`+", re.DOTALL)


class Masked(msgspec.Struct, frozen=True, kw_only=True):
    """A draft's text beside the same text with everything but prose covered.

    Attributes:
        source: as on disk, BOM and line ends included.
        prose: as long as `source`, with the same line breaks. What is covered inside a line (code, formulas,
            addresses, tags, shortcodes, comments) is `FILLER`, a no-break space; covered lines (front matter, code
            blocks) are blank. Delimiters that Markdown needs (backticks, brackets, angle brackets of an address) stay.
        code: where code spans and code blocks stand.
        tokens: the blocks, as markdown-it sees the file; shortcodes and the like are U+FFFC in them. `children` are
            not parsed: nothing here needs them.
        covered: every covered range, in order, without overlaps.
        links: every address outside code, in order.
    """

    source: str
    prose: str
    lines: Lines
    code: tuple[Span, ...]
    tokens: tuple[Token, ...]
    covered: tuple[Span, ...] = ()
    links: tuple[Link, ...] = ()

    def is_blanked(self, start: int, end: int) -> bool:
        """Say whether any code point of the range was covered."""
        return touches(self.covered, start, end)


def mask(source: str, front_matter_end: int = 0, flavour: Flavour = "markdown") -> Masked:
    """Return `source` with everything that is not prose covered; the first `front_matter_end` code points are."""
    cover = Cover(source)
    cover.block(0, front_matter_end)
    if source.startswith("\ufeff"):
        cover.block(0, 1)
    lines = Lines(source)
    blocks = Blocks(cover.shadow(), lines, flavour)
    if _cover_islands(cover, blocks, front_matter_end, flavour):
        blocks = Blocks(cover.shadow(), lines, flavour)
    islands = cover.spans()
    _cover_blocks(cover, blocks, islands, front_matter_end)
    prose = cover.prose()
    return Masked(
        source=source,
        prose=prose,
        lines=lines,
        code=tuple(sorted(set(cover.code), key=lambda span: (span.start, span.end))),
        tokens=tuple(blocks.tokens),
        covered=cover.spans(),
        links=_ordered(cover, islands),
    )


def _cover_islands(cover: Cover, blocks: Blocks, start: int, flavour: Flavour) -> bool:
    """Cover what is taken out before Markdown is read, and may reach over blocks; return whether there was any."""
    source = cover.source
    has_tags = "{{" in source or "{%" in source or "{#" in source
    if not has_tags and flavour != "mdx":
        return False
    is_code = _code_outside(source, blocks, start)
    ranges = list(templates(source, start, is_code)) if has_tags and flavour != "mdx" else []
    if flavour == "mdx":
        ranges += mdx(source, start, is_code)
    for low, high in ranges:
        if source[low] == "{" and source[low + 1] not in "%#" and source[low + 2] not in "<%":
            glued = GLUED.match(source, high)
            high = glued.end() if glued else high
        # A paired body of whole lines ends the paragraph before it, as it does on the page.
        (cover.block if _is_whole_lines(source, low, high) else cover.inline)(low, high)
    return bool(ranges)


def _is_whole_lines(source: str, start: int, end: int) -> bool:
    if not _BREAK.search(source, start, end):
        return False
    before = max(source.rfind("\n", 0, start), source.rfind("\r", 0, start)) + 1
    after = _BREAK.search(source, end)
    return not source[before:start].strip() and not source[end : after.start() if after else len(source)].strip()


def _code_outside(source: str, blocks: Blocks, start: int) -> Callable[[int], bool]:
    """Return a test for offsets inside code blocks and code spans."""
    spans = [Span(*block) for kind in ("fence", "code_block") for block in blocks.of(kind)]
    for low, high in blocks.of("inline"):
        spans += _code_spans(source, max(low, start), high)
    ordered = tuple(sorted(spans, key=lambda span: span.start))
    return lambda offset: touches(ordered, offset, offset + 1)


def _code_spans(source: str, start: int, end: int) -> list[Span]:
    ticks = Ticks(source, start, end)
    spans = []
    here = start
    while match := _TICKS.search(source, here, end):
        here = match.end()
        if not match.group().startswith("\\"):
            closed = ticks.closing(match.end(), match.end() - match.start(), end)
            if closed:
                spans.append(Span(match.start(), closed))
                here = closed
    return spans


def _cover_blocks(cover: Cover, blocks: Blocks, islands: tuple[Span, ...], start: int) -> None:
    for kind in ("fence", "code_block"):
        for low, high in blocks.of(kind):
            cover.code.append(Span(low, high))
            cover.block(low, high)
    for low, high in blocks.of("html_block"):
        _cover_html(cover, low, high)
    for low, high in (*blocks.of("inline"), *blocks.unread(start)):
        if not is_inside(islands, low, high):
            Inline(cover, low, high).run()
    for low, high in blocks.definitions:
        _cover_definition(cover, low, high)


def _cover_html(cover: Cover, start: int, end: int) -> None:
    html = Html(cover, start, end)
    here = start
    while match := _IN_HTML.search(cover.source, here, end):
        if match.group() == "<":
            here = html.angle(match.start(), is_block=True)
        else:
            cover.inline(*match.span())
            cover.links.append(Link(start=match.start(), end=match.end(), url=match.group()))
            here = match.end()


def _cover_definition(cover: Cover, start: int, end: int) -> None:
    found = _DESTINATION.search(cover.source, start, end)
    if found is None:
        return
    cover.inline(found.start(), start + len(cover.source[start:end].rstrip()))
    cover.links.append(Link(start=found.start("url"), end=found.end("url"), url=found["url"]))


def _ordered(cover: Cover, islands: tuple[Span, ...]) -> tuple[Link, ...]:
    """Return the links once each, in order; what a template writes is no address yet."""
    every = {(one.start, one.end): one for one in cover.links if not touches(islands, one.start, one.end)}
    return tuple(every[place] for place in sorted(every))
