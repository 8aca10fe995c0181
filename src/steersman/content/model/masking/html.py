"""HTML inside Markdown: tags and comments are covered, and the bodies that no reader reads as prose."""

from __future__ import annotations

import bisect
import re
from typing import Final

from steersman.content.model.masking.cover import Cover, Link, Span

TAG: Final = re.compile(
    r"""<(?P<close>/)?(?P<name>[A-Za-z][A-Za-z0-9.:-]*)(?=[\s/>])(?:[^<>"']|"[^"]{0,4000}"|'[^']{0,4000}')*>"""
)
AUTOLINK: Final = re.compile(r"<(?P<url>[A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*)>|<[\w.+-]+@[\w.-]+>")
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
# A comment that is never closed takes the rest of its block with it.
_BLOCK_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_DECLARATION: Final = re.compile(r"<![A-Za-z][^<>]{0,4000}>")
_INSTRUCTIONS: Final = (("<?", "?>"), ("<![CDATA[", "]]>"))
_CLOSING: Final = re.compile(r"</([A-Za-z][A-Za-z0-9]*)\s*>")
_SOURCE: Final = re.compile(r"""\b(?:src|href)\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_BODIES: Final = frozenset(
    {"script", "style", "pre", "code", "kbd", "samp", "var", "tt", "textarea", "svg", "math", "iframe", "object",
     "template", "noscript", "title"}
)  # fmt: skip
_IN_WORD: Final = frozenset({"sub", "sup", "b", "i", "em", "strong", "span", "u", "s", "mark", "small", "wbr", "abbr"})


class Html:
    """The tags between two offsets; knows where each element ends, so that asking again costs nothing."""

    def __init__(self, cover: Cover, start: int, end: int) -> None:
        self._cover = cover
        self._source = cover.source
        self._end = end
        self._last_comment_end = self._source.rfind("-->", start, end)
        self._last_instructions = [self._source.rfind(closing, start, end) for _, closing in _INSTRUCTIONS]
        self._closings: dict[str, list[tuple[int, int]]] | None = None
        self._start = start

    def angle(self, here: int, *, is_block: bool = False) -> int:
        """Cover what opens with the angle bracket at `here`; return where to go on."""
        source, cover, end = self._source, self._cover, self._end
        if source.startswith("<!--", here) and (is_block or here < self._last_comment_end):
            comment = (_BLOCK_COMMENT if is_block else _COMMENT).match(source, here, end)
            if comment:
                cover.inline(*comment.span())
                return comment.end()
        autolink = AUTOLINK.match(source, here, end)
        if autolink:
            cover.inline(here + 1, autolink.end() - 1)
            if autolink["url"]:
                cover.links.append(Link(start=here + 1, end=autolink.end() - 1, url=autolink["url"]))
            return autolink.end()
        tag = TAG.match(source, here, end)
        if tag is None:
            return self._declaration(here)
        return self._tag(tag, is_block=is_block)

    def _declaration(self, here: int) -> int:
        declaration = _DECLARATION.match(self._source, here, self._end)
        closed = declaration.end() if declaration else 0
        for (opening, closing), last in zip(_INSTRUCTIONS, self._last_instructions, strict=True):
            if here < last and self._source.startswith(opening, here):
                closed = self._source.index(closing, here, self._end) + len(closing)
        self._cover.inline(here, closed)
        return closed or here + 1

    def _tag(self, tag: re.Match[str], *, is_block: bool) -> int:
        name = tag["name"].lower()
        self._cover.inline(*tag.span())
        self._note_address(tag, name)
        if tag["close"] or name not in _BODIES or tag.group().endswith("/>"):
            if name in _IN_WORD:
                self._join_word(tag.start(), tag.end())
            return tag.end()
        closed = self._closing(name, tag.end())
        if closed is None:
            if not is_block:
                return tag.end()
            closed = (self._end, self._end)
        self._cover.inline(tag.end(), closed[1])
        self._cover.code.append(Span(tag.end(), closed[0]))
        return closed[1]

    def _note_address(self, tag: re.Match[str], name: str) -> None:
        if name not in ("a", "img", "source", "video") or tag["close"]:
            return
        found = _SOURCE.search(self._source, tag.start(), tag.end())
        if found:
            group = 1 if found[1] is not None else 2
            start, end = found.span(group)
            self._cover.links.append(Link(start=start, end=end, url=found[group], is_image=name != "a"))

    def _closing(self, name: str, after: int) -> tuple[int, int] | None:
        if self._closings is None:
            self._closings = {}
            for match in _CLOSING.finditer(self._source, self._start, self._end):
                self._closings.setdefault(match[1].lower(), []).append(match.span())
        spans = self._closings.get(name, [])
        at = bisect.bisect_left(spans, (after, 0))
        return spans[at] if at < len(spans) else None

    def _join_word(self, start: int, end: int) -> None:
        """Cover the halves of a word that a tag cuts in two (`H<sub>2</sub>O`): neither is a word."""
        source = self._source
        if not (start and source[start - 1].isalnum() and source[end : end + 1].isalnum()):
            return
        low, high = start, end
        while low > max(0, start - 60) and source[low - 1].isalnum():
            low -= 1
        while high < min(self._end, end + 60) and source[high].isalnum():
            high += 1
        self._cover.inline(low, high)
