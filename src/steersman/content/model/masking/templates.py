"""Hugo shortcodes and Liquid tags: what a site generator takes out before it reads any Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Protocol

# Each gives up at the next opening of its own: looking for an end that is not there must not cost the square.
TAG: Final = re.compile(
    r"\{\{(?P<hugo>[<%])?(?:(?!\{\{).)*?\}\}|\{%(?P<liquid>(?:(?!\{%).)*?)%\}|\{#(?!\S*\s*\})(?:(?!\{#).)*?#\}",
    re.DOTALL,
)
_HUGO_NAME: Final = re.compile(r"\{\{[<%]-?\s*(?P<close>/)?\s*(?P<name>[\w/.-]+)")
_LIQUID_NAME: Final = re.compile(r"\{%-?\s*(?P<close>end)?(?P<name>\w+)")
_SELF_CLOSED: Final = re.compile(r"/\s*[>%]\}\}\Z")
CODE_BODIES: Final = frozenset(
    {"highlight", "code", "codeblock", "code-block", "raw", "verbatim", "comment", "mermaid", "math", "katex", "latex",
     "mathjax", "plantuml", "graphviz", "chart", "diagram", "markmap", "svg", "style", "script", "rawhtml"}
)  # fmt: skip
"""Paired tags whose body is code or is not shown; the body of every other pair is prose."""


class _Allowed(Protocol):
    def __call__(self, offset: int, /) -> bool: ...


def templates(source: str, start: int, is_code: _Allowed) -> Iterator[tuple[int, int]]:
    """Yield the ranges of tags, and of the bodies that are code, from `start`; none where `is_code` says so."""
    tags = [match for match in TAG.finditer(source, start) if not is_code(match.start())]
    names = [_name(match) for match in tags]
    closing: list[int | None] = [None] * len(tags)
    latest: dict[str, int] = {}
    for index in range(len(tags) - 1, -1, -1):
        name, closes = names[index]
        if closes:
            latest[name] = index
        elif name in CODE_BODIES:
            closing[index] = latest.get(name)
    covered = 0
    for index, match in enumerate(tags):
        if match.start() < covered:
            continue
        other = closing[index]
        covered = match.end() if other is None else tags[other].end()
        yield match.start(), covered


def _name(match: re.Match[str]) -> tuple[str, bool]:
    pattern = _LIQUID_NAME if match["liquid"] is not None else _HUGO_NAME if match["hugo"] else None
    named = pattern.match(match.group()) if pattern else None
    if named is None or _SELF_CLOSED.search(match.group()):
        return "", False
    return named["name"].lower(), bool(named["close"])
