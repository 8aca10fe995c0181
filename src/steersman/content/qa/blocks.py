"""A draft read block by block: an engine is asked again only about the blocks that changed since it was last asked."""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING

import msgspec

from steersman.content.model.draft import Draft
from steersman.content.model.finding import Found
from steersman.content.model.lines import Lines
from steersman.content.model.mask import Masked, Span
from steersman.content.ports import Checker

if TYPE_CHECKING:
    from markdown_it.token import Token

_Key = tuple[str, str, tuple[Span, ...], str]


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """Code points `start` to `end`, and the tokens `first` to `last` that say what they are."""

    start: int
    end: int
    first: int
    last: int


class PerBlock:
    """An engine that is given one top-level block at a time, and remembers the blocks of each draft's last version.

    Whole checks and warm ones go the same way, so they cannot differ: what the engine says about a block depends on
    that block alone. The engine must be a pure function of the text it is given.
    """

    def __init__(self, engine: Checker) -> None:
        self._engine = engine
        self.name = engine.name
        self._known: dict[str, dict[_Key, list[Found]]] = {}
        self.asked = 0
        """Blocks the engine was asked about so far; the rest was remembered."""

    def check(self, draft: Draft) -> list[Found]:
        before = self._known.get(draft.name, {})
        now: dict[_Key, list[Found]] = {}
        found = []
        for block in blocks(draft.masked, draft.body_start):
            key = _key(draft, block)
            if key not in now:
                now[key] = before[key] if key in before else self._ask(draft, block)
            found += [
                msgspec.structs.replace(one, start=one.start + block.start, end=one.end + block.start)
                for one in now[key]
            ]
        self._known[draft.name] = now
        return found

    def _ask(self, draft: Draft, block: Block) -> list[Found]:
        self.asked += 1
        return self._engine.check(part_of(draft, block))


def blocks(masked: Masked, body_start: int) -> list[Block]:
    """Return the top-level blocks, each up to where the next one begins; those without prose are left out."""
    tokens = masked.tokens
    starts = {body_start: 0}
    for index, token in enumerate(tokens):
        if token.level == 0 and token.map and token.nesting >= 0:
            starts.setdefault(max(body_start, masked.lines.span(*token.map)[0]), index)
    ordered = sorted(starts)
    ends = [*ordered[1:], len(masked.source)]
    return [
        Block(start=low, end=high, first=starts[low], last=starts.get(high, len(tokens)))
        for low, high in zip(ordered, ends, strict=True)
        if masked.prose[low:high].strip()
    ]


def part_of(draft: Draft, block: Block) -> Draft:
    """Return `draft` as if its text were only that block: no front matter, no notes, no links."""
    masked = draft.masked
    source = masked.source[block.start : block.end]
    line = masked.lines.position(block.start)[0] - 1
    part = Masked(
        source=source,
        prose=masked.prose[block.start : block.end],
        lines=Lines(source),
        code=_within(masked.code, block),
        tokens=tuple(_moved(token, line) for token in masked.tokens[block.first : block.last]),
        covered=_within(masked.covered, block),
    )
    return msgspec.structs.replace(draft, masked=part, body_start=0, notes=())


def _moved(token: Token, line: int) -> Token:
    return token.copy(map=[token.map[0] - line, token.map[1] - line]) if token.map else token


def _key(draft: Draft, block: Block) -> _Key:
    masked = draft.masked
    here = slice(block.start, block.end)
    return masked.source[here], masked.prose[here], _within(masked.covered, block), draft.type


def _within(spans: tuple[Span, ...], block: Block) -> tuple[Span, ...]:
    first = max(0, bisect.bisect_right(spans, block.start, key=lambda span: span.start) - 1)
    last = bisect.bisect_left(spans, block.end, key=lambda span: span.start)
    cut = ((max(s.start, block.start) - block.start, min(s.end, block.end) - block.start) for s in spans[first:last])
    return tuple(Span(low, high) for low, high in cut if low < high)
