"""Cover what is not prose with blanks of equal length, so that every offset stays one of the file on disk."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

import msgspec

from steersman.content.model.lines import Lines

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
# A comment that is never closed takes the rest of its block with it.
_BLOCK_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_TAG: Final = re.compile(
    r"""</?[A-Za-z][A-Za-z0-9-]*(?=[\s/>])(?P<attributes>(?:[^<>"']|"[^"]{0,4000}"|'[^']{0,4000}')*)>"""
)
_AUTOLINK: Final = re.compile(r"<[A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*>|<[\w.+-]+@[\w.-]+>")
_BARE_URL: Final = re.compile(r"(?:https?://|www\.)[^\s<>)\]]+|[\w.+-]+@[\w-]+\.[\w.-]*\w")
# Each gives up at the next opening of its own: looking for an end that is not there must not cost the square.
_SHORTCODE: Final = re.compile(r"\{\{(?:(?!\{\{).)*?\}\}|\{%(?:(?!\{%).)*?%\}", re.DOTALL)
_DEFINITION: Final = re.compile(r"(?:\A|(?<=[\r\n])) {0,3}\[[^\]\r\n]+\]:[^\r\n]*")
_PARENTHESIS: Final = re.compile(r"\\.|[()]", re.DOTALL)
_BACKTICKS: Final = re.compile(r"`+")


class Span(msgspec.Struct, frozen=True):
    """Code points `start` up to but without `end`."""

    start: int
    end: int


class Masked(msgspec.Struct, frozen=True, kw_only=True):
    """A draft's text beside the same text with everything but prose blanked.

    Attributes:
        source: as on disk, BOM and line ends included.
        prose: as long as `source`, with the same line breaks; code, URLs, attributes, shortcodes, comments and front
            matter are blanks. Delimiters that Markdown needs (backticks, brackets, angle brackets) stay.
        code: where code spans and code blocks stand.
        tokens: the blocks, as markdown-it sees the file with its front matter blanked.
    """

    source: str
    prose: str
    lines: Lines
    code: tuple[Span, ...]
    tokens: tuple[Token, ...]

    def is_blanked(self, start: int, end: int) -> bool:
        """Say whether any code point of the range was covered."""
        return self.source[start:end] != self.prose[start:end]


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # start-up time: 30 ms that only reading a draft needs

    return MarkdownIt("commonmark").enable("table")


def mask(source: str, front_matter_end: int = 0) -> Masked:
    """Return `source` with everything that is not prose covered; the first `front_matter_end` code points are."""
    covered = list(source)
    _blank(covered, 0, front_matter_end)
    if covered[:1] == ["\ufeff"]:
        covered[0] = " "
    lines = Lines(source)
    tokens = _parser().parse("".join(covered).replace("\0", "\ufffd"))
    code: list[Span] = []
    for token in tokens:
        if token.map is None:
            continue
        start, end = lines.span(*token.map)
        if token.type in ("fence", "code_block"):
            code.append(Span(start, end))
            _blank(covered, start, end)
        elif token.type == "html_block":
            _blank_html(covered, source, start, end)
        elif token.type == "inline":
            code += _blank_inline(covered, source, start, end)
    _blank_definitions(covered)
    return Masked(source=source, prose="".join(covered), lines=lines, code=tuple(code), tokens=tuple(tokens))


def _blank(covered: list[str], start: int, end: int) -> None:
    for index in range(start, end):
        if covered[index] not in "\r\n":
            covered[index] = " "


def _blank_html(covered: list[str], source: str, start: int, end: int) -> None:
    for comment in _BLOCK_COMMENT.finditer(source, start, end):
        _blank(covered, *comment.span())
    for tag in _TAG.finditer("".join(covered[start:end])):
        _blank(covered, start + tag.start("attributes"), start + tag.end("attributes"))
    for pattern in (_SHORTCODE, _BARE_URL):
        for match in pattern.finditer(source, start, end):
            _blank(covered, *match.span())


def _blank_inline(covered: list[str], source: str, start: int, end: int) -> list[Span]:
    """Blank what is not prose in the lines of one paragraph, heading or cell, from left to right."""
    code = []
    closing = _parentheses(source, start, end)
    last_comment_end = source.rfind("-->", start, end)
    here = start
    while here < end:
        character = source[here]
        if character == "\\":
            here += 2
        elif character == "`":
            closed = _code_end(source, here, end)
            run = _run_end(source, here)
            if closed:
                code.append(Span(here, closed))
                _blank(covered, run, closed - (run - here))
            here = closed or run
        elif character == "<":
            here = _blank_angle(covered, source, here, end, is_comment=here < last_comment_end)
        elif character == "]" and here + 1 in closing:
            _blank(covered, here + 2, closing[here + 1])
            here = closing[here + 1] + 1
        else:
            match = _match_plain(source, here, end)
            if match:
                _blank(covered, *match.span())
            here = match.end() if match else here + 1
    return code


def _match_plain(source: str, here: int, end: int) -> re.Match[str] | None:
    if source[here] == "{":
        return _SHORTCODE.match(source, here, end)
    # Only at the start of a word: inside one there is no address to find, and looking would cost the square.
    if source[here].isalnum() and (here == 0 or not source[here - 1].isalnum()):
        return _BARE_URL.match(source, here, end)
    return None


def _run_end(source: str, start: int) -> int:
    run = _BACKTICKS.match(source, start)
    return run.end() if run else start + 1


def _code_end(source: str, start: int, end: int) -> int:
    """Return the offset after the code span that opens at `start`, 0 if no run of as many backticks closes it."""
    opening = _run_end(source, start) - start
    for run in _BACKTICKS.finditer(source, start + opening, end):
        if run.end() - run.start() == opening:
            return run.end()
    return 0


def _blank_angle(covered: list[str], source: str, here: int, end: int, *, is_comment: bool) -> int:
    autolink = _AUTOLINK.match(source, here, end)
    if autolink:
        _blank(covered, here + 1, autolink.end() - 1)
        return autolink.end()
    comment = _COMMENT.match(source, here, end) if is_comment else None
    if comment:
        _blank(covered, *comment.span())
        return comment.end()
    tag = _TAG.match(source, here, end)
    if tag:
        _blank(covered, tag.start("attributes"), tag.end("attributes"))
        return tag.end()
    return here + 1


def _parentheses(source: str, start: int, end: int) -> dict[int, int]:
    """Return where each parenthesis that opens right after a `]` closes; one that never does is not in it."""
    closing: dict[int, int] = {}
    opened: list[int] = []
    for match in _PARENTHESIS.finditer(source, start, end):
        if match.group() == "(":
            opened.append(match.start())
        elif match.group() == ")" and opened:
            opening = opened.pop()
            if source[opening - 1] == "]":
                closing[opening] = match.start()
    return closing


def _blank_definitions(covered: list[str]) -> None:
    """Blank `[name]: url` lines: markdown-it takes them out of the tokens."""
    for match in _DEFINITION.finditer("".join(covered)):
        _blank(covered, *match.span())
