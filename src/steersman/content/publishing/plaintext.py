"""Markdown to what a plain text field can show: nothing marked up, nothing hidden, every address in sight."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_SHORTCODE: Final = re.compile(r"\{\{(?:(?!\{\{).)*?\}\}|\{%(?:(?!\{%).)*?%\}", re.DOTALL)
_BREAK: Final = re.compile(r"<br\s*/?>", re.IGNORECASE)
_BLANK_LINES: Final = re.compile(r"\n{3,}")
_TRAILING: Final = re.compile(r"[ \t]+(?=\n|\Z)")
_RULE: Final = "⁂"
# Line and paragraph separators, and the marks that files of other systems begin with.
_ODD_BREAKS: Final = str.maketrans({"\u2028": "\n", "\u2029": "\n", "\ufeff": None, "\r": None})


def plain(markdown: str) -> str:
    """Return `markdown` as plain text.

    Paragraphs, headings and lists keep their lines; emphasis and code lose their marks; a link is its words and then
    its address in parentheses; a picture (it goes along as a file, or is left behind) and HTML leave nothing;
    shortcodes of site generators neither. Control characters are dropped.
    """
    source = _SHORTCODE.sub("", markdown.replace("\r\n", "\n").replace("\r", "\n"))
    text = "\n\n".join(block for block in _blocks(_parser().parse(source.replace("\0", ""))) if block.strip())
    return clean(text)


def clean(text: str) -> str:
    """Return `text` without control characters, trailing blanks and more than one empty line in a row."""
    kept = "".join(c for c in text.translate(_ODD_BREAKS) if c == "\n" or unicodedata.category(c) != "Cc" or c == "\t")
    return _BLANK_LINES.sub("\n\n", _TRAILING.sub("", kept.replace("\t", "    "))).strip()


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # start-up time: only what makes variants needs it

    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def _blocks(tokens: Sequence[Token]) -> Iterator[str]:
    """Yield the text of each block on this level; lists and quotes yield theirs as one."""
    index = 0
    while index < len(tokens):
        token = tokens[index]
        end = _closing(tokens, index)
        inside = tokens[index + 1 : end]
        if token.type in ("bullet_list_open", "ordered_list_open"):
            yield _list(token, inside)
        elif token.type == "blockquote_open":
            yield "“" + "\n\n".join(_blocks(inside)).strip() + "”"
        elif token.type == "table_open":
            yield _table(inside)
        elif token.type == "inline":
            yield _inline(token.children or ())
        elif token.type in ("fence", "code_block"):
            yield token.content.rstrip("\n")
        elif token.type == "hr":
            yield _RULE
        elif token.nesting == 1:
            yield from _blocks(inside)
        index = end + 1


def _closing(tokens: Sequence[Token], index: int) -> int:
    """Return where the token that closes `tokens[index]` stands; `index` itself for one that closes itself."""
    depth = 0
    for here in range(index, len(tokens)):
        depth += tokens[here].nesting
        if depth == 0:
            return here
    return len(tokens) - 1


def _list(opening: Token, inside: Sequence[Token]) -> str:
    number = int(opening.attrGet("start") or 1)
    lines = []
    index = 0
    while index < len(inside):
        end = _closing(inside, index)
        mark = f"{number}. " if opening.type == "ordered_list_open" else "• "
        text = "\n".join(_blocks(inside[index + 1 : end]))
        lines.append(mark + text.replace("\n", "\n  "))
        number += 1
        index = end + 1
    return "\n".join(lines)


def _table(inside: Sequence[Token]) -> str:
    rows: list[list[str]] = []
    for token in inside:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and rows:
            rows[-1].append(_inline(token.children or ()))
    return "\n".join(" | ".join(row) for row in rows)


def _inline(children: Sequence[Token]) -> str:
    parts: list[str] = []
    opened: list[tuple[int, str]] = []
    for token in children:
        if token.type in ("text", "code_inline", "text_special"):
            parts.append(token.content)
        elif token.type == "softbreak":
            parts.append(" ")
        elif token.type == "hardbreak" or (token.type == "html_inline" and _BREAK.fullmatch(token.content)):
            parts.append("\n")
        elif token.type == "link_open":
            opened.append((len(parts), str(token.attrGet("href") or "")))
        elif token.type == "link_close" and opened:
            parts = _with_address(parts, *opened.pop())
    return "".join(parts).strip()


def _with_address(parts: list[str], start: int, address: str) -> list[str]:
    words = "".join(parts[start:]).strip()
    shown = address.removeprefix("mailto:")
    # A relative address leads nowhere from another platform.
    if not re.match(r"(?:https?://|mailto:)", address) or words in (address, shown):
        return [*parts[:start], words]
    return [*parts[:start], f"{words} ({shown})" if words else shown]
