"""The lines of one paragraph, heading or cell, read once from left to right."""

from __future__ import annotations

import re
from typing import Final

from steersman.content.model.masking.cover import Cover, Link, Span
from steersman.content.model.masking.html import Html
from steersman.content.model.masking.math import bracket_math, display_math, environment, inline_math
from steersman.content.model.masking.ticks import Ticks

_URL: Final = (
    r"(?<![A-Za-z0-9])(?:(?:https?|ftp|file|git|ssh|s3|mailto|tel|data|doi):(?=//|[\w+])|www\.)"
    r"[^\s<>()\[\]`]+(?:\([^\s<>()`]*\)[^\s<>()\[\]`]*)*"
)
_EMAIL: Final = r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+"
_PATH: Final = (
    r"(?<![\w./\\:@+~-])(?:(?:~|\.{1,2})?/(?:[\w.+@-]+/)+[\w.+@-]*|~/[\w.+@-]+|\.{1,2}/[\w.+@-]+|[A-Za-z]:\\[\w.\\+-]+"
    r"|(?:[\w+@-][\w.+@-]*/)+[\w+@-]+\.[A-Za-z]\w{0,5}\b"
    r"|[\w+-]*\w\.(?:py|toml|ya?ml|json|md|mdx|txt|csv|html?|css|tsx?|jsx|rs|go|sh|sql|cfg|ini|lock|log|png|jpe?g|svg"
    r"|gif|pdf|zip|gz|db)\b)"
)
_TOKEN: Final = re.compile(
    r"(?P<escape>\\.)|(?P<ticks>`+)|(?P<angle><)|(?P<foot>\[\^[^\]\s]{1,200}\]:?)"
    r"|(?P<wiki>\[\[(?=[^\[\]\r\n]{1,500}\]\]))"
    r"|(?P<open>\[)|(?P<close>\])|(?P<curly>\{)|(?P<dollar>\$)"
    r"|(?P<emoji>(?<![\w:]):(?=[a-z0-9_+-]{0,60}[a-z1])[a-z0-9_+-]{1,60}:(?![\w:]))"
    r"|(?P<entity>&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)"
    rf"|(?P<url>{_URL})|(?P<email>{_EMAIL})|(?P<path>{_PATH})|(?P<mention>(?<![\w@/.])@[\w-]+)",
    re.DOTALL,
)
_PARENTHESIS: Final = re.compile(r"\\.|[()]", re.DOTALL)
_LABEL: Final = re.compile(r"\[[^\[\]\r\n]{0,999}\]")
_ATTRIBUTES: Final = re.compile(r"\{(?:[:#.][^{}\r\n]{0,500}|[\w-]+=[^{}\r\n]{0,500})\}")
_DESTINATION: Final = re.compile(r"\s*(?:<(?P<angled>[^<>\r\n]*)>|(?P<plain>[^\s]+))")
# What is written onto the end of code or a formula belongs to it: `Vec`s, $n$th.
GLUED: Final = re.compile(r"['’]?[A-Za-z]{1,3}(?!\w)")
_TRAILING: Final = re.compile(r"[.,;:!?'\"’”*_~|]+\Z")


class Inline:
    """One range of inline content, covered by `run`."""

    def __init__(self, cover: Cover, start: int, end: int) -> None:
        self._cover = cover
        self._source = cover.source
        self._start = start
        self._end = end
        self._ticks = Ticks(self._source, start, end)
        self._html = Html(cover, start, end)
        self._closing = _parentheses(self._source, start, end)
        self._brackets: list[bool] = []

    def run(self) -> None:
        here = self._start
        while match := _TOKEN.search(self._source, here, self._end):
            here = self._token(match)

    def _token(self, match: re.Match[str]) -> int:
        kind = match.lastgroup or ""
        at = match.start()
        match kind:
            case "escape":
                return self._escape(at)
            case "ticks":
                return self._code(match)
            case "angle":
                return self._html.angle(at)
            case "foot":
                return self._footnote(match)
            case "wiki":
                return self._wiki(at)
            case "open":
                self._brackets.append(at > 0 and self._source[at - 1] == "!")
                return at + 1
            case "close":
                return self._bracket_closed(at)
            case "curly":
                attributes = _ATTRIBUTES.match(self._source, at, self._end)
                return self._covered(at, attributes.end() if attributes else 0)
            case "dollar":
                return self._dollar(at)
            case "entity":
                return self._entity(match)
            case "url":
                return self._address(match)
            case _:
                self._cover.inline(*match.span())
                return match.end()

    def _covered(self, start: int, end: int) -> int:
        """Cover a formula or a tag with what is glued to its end; return where to go on."""
        if not end:
            return start + 1
        glued = GLUED.match(self._source, end, self._end)
        end = glued.end() if glued else end
        self._cover.inline(start, end)
        return end

    def _escape(self, at: int) -> int:
        following = self._source[at + 1]
        if following in "([":
            closed = bracket_math(self._source, at, self._end)
            if closed:
                return self._covered(at, closed)
        elif following == "b":
            closed = environment(self._source, at, self._end)
            if closed:
                return self._covered(at, closed)
        return at + 2

    def _code(self, match: re.Match[str]) -> int:
        length = match.end() - match.start()
        closed = self._ticks.closing(match.end(), length, self._end)
        if not closed:
            return match.end()
        self._cover.code.append(Span(match.start(), closed))
        self._cover.inline(match.end(), closed - length)
        glued = GLUED.match(self._source, closed, self._end)
        if glued:
            self._cover.inline(*glued.span())
        return glued.end() if glued else closed

    def _footnote(self, match: re.Match[str]) -> int:
        """Cover a footnote's name; of its definition, the whole mark."""
        low, high = match.span()
        line = max(self._source.rfind("\n", 0, low), self._source.rfind("\r", 0, low)) + 1
        if match.group().endswith(":") and not self._source[line:low].strip(" >"):
            self._cover.inline(low, high)
            return high
        closed = self._source.rindex("]", low, high)
        self._cover.inline(low + 2, closed)
        return closed + 1

    def _wiki(self, at: int) -> int:
        """Cover the page that `[[page|words]]` names; the words stay."""
        closed = self._source.index("]]", at, self._end)
        bar = self._source.find("|", at, closed)
        self._cover.inline(at + 2, closed if bar < 0 else bar)
        return closed + 2

    def _bracket_closed(self, at: int) -> int:
        is_image = bool(self._brackets) and self._brackets.pop()
        following = at + 1
        if following in self._closing:
            closed = self._closing[following]
            self._cover.inline(following + 1, closed)
            self._note_destination(following + 1, closed, is_image=is_image)
            return closed + 1
        if self._source[following : following + 1] == "[":
            label = _LABEL.match(self._source, following, self._end)
            if label:
                self._cover.inline(following + 1, label.end() - 1)
                return label.end()
        return following

    def _note_destination(self, start: int, end: int, *, is_image: bool) -> None:
        found = _DESTINATION.match(self._source, start, end)
        if found is None:
            return
        group = "plain" if found["plain"] is not None else "angled"
        if found[group]:
            low, high = found.span(group)
            self._cover.links.append(Link(start=low, end=high, url=found[group], is_image=is_image))

    def _dollar(self, at: int) -> int:
        if self._source.startswith("$$", at):
            closed = display_math(self._source, at, self._end)
            return self._covered(at, closed) if closed else at + 2
        return self._covered(at, inline_math(self._source, at, self._end))

    def _entity(self, match: re.Match[str]) -> int:
        """Cover an entity with the word it stands in: `caf&eacute;` is no word without it."""
        low, high = match.span()
        while low > max(self._start, match.start() - 60) and self._source[low - 1].isalpha():
            low -= 1
        while high < min(self._end, match.end() + 60) and self._source[high].isalpha():
            high += 1
        if match.group().lower() in ("&nbsp;", "&mdash;", "&ndash;", "&hellip;", "&#160;", "&shy;"):
            low, high = match.span()
        self._cover.inline(low, high)
        return high

    def _address(self, match: re.Match[str]) -> int:
        url = match.group()
        # A full stop after an address ends the sentence, not the address.
        trailing = _TRAILING.search(url)
        end = match.end() - (len(trailing.group()) if trailing else 0)
        end = max(end, match.start() + 1)
        self._cover.inline(match.start(), end)
        self._cover.links.append(Link(start=match.start(), end=end, url=self._source[match.start() : end]))
        return end


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
