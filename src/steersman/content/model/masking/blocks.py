"""The blocks of a draft: which lines are code, HTML or prose, as markdown-it sees them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from steersman.content.model.lines import Lines

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_LEAVES: Final = frozenset({"inline", "fence", "code_block", "html_block", "hr"})


@cache
def _parser(flavour: str) -> MarkdownIt:
    from markdown_it import MarkdownIt  # start-up time: 30 ms that only reading a draft needs
    from mdit_py_plugins.footnote import footnote_plugin

    parser = MarkdownIt("commonmark").enable("table").use(footnote_plugin)
    # Blocks only: what stands inside a line is found on the source itself, where offsets are those of the file.
    parser.disable(["inline", "footnote_tail"])
    return parser.disable("code") if flavour == "mdx" else parser


class Blocks:
    """The tokens of a text, and the lines that none of them accounts for."""

    def __init__(self, text: str, lines: Lines, flavour: str) -> None:
        environment: dict[str, Any] = {}
        self.tokens: list[Token] = _parser(flavour).parse(text, environment)
        self._lines = lines
        references = [*environment.get("references", {}).values(), *environment.get("duplicate_refs", [])]
        self.definitions = sorted({lines.span(*one["map"]) for one in references if one.get("map")})
        self._text = text

    def of(self, kind: str) -> list[tuple[int, int]]:
        """Return the offsets of the blocks of one kind, each once: cells of one row share their line."""
        return list(dict.fromkeys(self._lines.span(*t.map) for t in self.tokens if t.type == kind and t.map))

    def unread(self, start: int) -> list[tuple[int, int]]:
        """Return the lines from `start` that hold text and belong to no block: nested too deep for the parser."""
        taken = bytearray(len(self._lines.starts))
        for token in self.tokens:
            if token.map and token.type in _LEAVES:
                first, last = token.map
                taken[first:last] = b"\1" * (min(last, len(taken)) - first)
        ranges = []
        starts = [*self._lines.starts, len(self._text)]
        for index, is_taken in enumerate(taken):
            low, high = starts[index], starts[index + 1]
            if not is_taken and low >= start and self._text[low:high].strip():
                ranges.append((low, high))
        return ranges
