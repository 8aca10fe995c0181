"""The manifest as a picture: SVG without script, for a page that styles it, or as a file that styles itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Final

from steersman.automation.graph import limits, when
from steersman.automation.graph_layout import Layout, layout, sources
from steersman.automation.model.manifest import Automation, Manifest

_HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 48, 48, 16, 12
_NARROW, _WIDE = 176, 288
_ACROSS_PX: Final = 1200
_LETTER, _SMALL = 8.5, 6.3
"""Pixels of a letter at 13 bold and 11; wide enough for most of what a name is made of."""
_NEVER: Final = "never ran"
_FONT: Final = "Inter,system-ui,sans-serif"
_LEGEND: Final = (
    ("succeeded", "succeeded"),
    ("running", "under way"),
    ("failed", "failed"),
    ("never-ran", "never ran, or else"),
)
_STYLE: Final = (
    "<style>:root{color-scheme:light dark}svg{color:#12151c;background:#fff}"
    ".edge{stroke:#8a93a6}.status-succeeded .state{fill:#0f8a5f}"
    ".status-failed .state,.status-timed-out .state,.status-orphaned .state{fill:#d0342c}"
    ".status-running .state,.status-retrying .state{fill:#2563eb}"
    "@media(prefers-color-scheme:dark){svg{color:#e8ebf2;background:#0b0d12}"
    ".status-succeeded .state{fill:#3ecf8e}"
    ".status-failed .state,.status-timed-out .state,.status-orphaned .state{fill:#ff6b6b}"
    ".status-running .state,.status-retrying .state{fill:#6ea8fe}}</style>"
)


def svg(
    manifest: Manifest,
    status: Mapping[str, str] | None = None,
    *,
    link: Callable[[str], str] | None = None,
    alone: bool = False,
) -> str:
    """Return the graph as one SVG element; the classes `node`, `state`, `edge` and `status-<word>` style it.

    Args:
        status: latest status by name; shown in words, never by colour alone.
        link: the address that a name leads to; without it nothing is a link.
        alone: as a file of its own, with its colours; on a page its policy forbids a style of one's own.
    """
    wide = _node_width(manifest, status or {})
    across = max(1, (_ACROSS_PX + _GAP_X) // (wide + _GAP_X))
    found = layout(manifest, across=across)
    place = {name: _at(x, y, wide) for name, (x, y) in found.places.items()}
    width = max((x for x, _ in place.values()), default=0) + wide + _MARGIN
    bottom = max((y for _, y in place.values()), default=0) + _HEIGHT + _MARGIN
    legend, legend_width = _legend(bottom, manifest)
    width, height = max(width, legend_width), bottom + (28 if manifest.order else 0)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' role="{"group" if link else "img"}" aria-label="Automations and what they need"'
        f' font-family="{_FONT if alone else "inherit"}">{_STYLE if alone else ""}'
    )
    parts = [head, *(_edge(place, found, before, a, wide) for a in manifest for before in sources(manifest, a.name))]
    for name, at in place.items():
        node = _node(manifest[name], at, (status or {}).get(name, _NEVER), wide)
        parts.append(f'<a href="{escape(link(name))}">{node}</a>' if link else node)
    return "".join([*parts, *legend, "</svg>"])


def _node_width(manifest: Manifest, status: Mapping[str, str]) -> int:
    names = max((len(a.name) * _LETTER for a in manifest), default=0)
    below = max((len(_below(a, status.get(a.name, _NEVER))) * _SMALL for a in manifest), default=0)
    return round(min(max(names + 28, below + 28, _NARROW), _WIDE))


def _below(automation: Automation, status: str) -> str:
    """Return the second line of a node; what it starts after is drawn, and not said again."""
    starts = limits(automation) if automation.needs and automation.schedule is None else [when(automation)]
    return " · ".join([status, *starts])


def _at(column: int, row: float, wide: int) -> tuple[int, int]:
    return _MARGIN + column * (wide + _GAP_X), round(_MARGIN + row * (_HEIGHT + _GAP_Y))


def _edge(place: Mapping[str, tuple[int, int]], found: Layout, before: str, automation: Automation, wide: int) -> str:
    """Draw from what comes before, through the places kept free; dashed where its events start the other."""
    x, y = place[before][0] + wide, place[before][1] + _HEIGHT // 2
    way = f"M{x} {y}"
    for column, row in found.ways.get((before, automation.name), ()):
        left, top = _at(column, row, wide)
        level = top + _HEIGHT // 2
        bend = (x + left) // 2
        way += f"C{bend} {y} {bend} {level} {left} {level}H{left + wide}"
        x, y = left + wide, level
    end_x, end_y = place[automation.name][0] - 2, place[automation.name][1] + _HEIGHT // 2
    bend = (x + end_x) // 2
    way += f"C{bend} {y} {bend} {end_y} {end_x} {end_y}m-6 -4l6 4l-6 4"
    dashes = "" if before in automation.needs else ' stroke-dasharray="5 4"'
    return f'<path class="edge" d="{way}" fill="none" stroke="currentColor" stroke-opacity="0.6"{dashes}/>'


def _node(automation: Automation, at: tuple[int, int], status: str, wide: int) -> str:
    x, y = at
    name, below = automation.name, _below(automation, status)
    return (
        f'<g class="node status-{escape(status.replace(" ", "-"))}">'
        f"<title>{escape(name)}: {escape(when(automation))}; {escape(status)}</title>"
        f'<rect class="frame" x="{x}" y="{y}" width="{wide}" height="{_HEIGHT}" rx="6" fill="none"'
        f' stroke="currentColor" stroke-opacity="0.35"/>{_mark(x, y + 8, _HEIGHT - 16)}'
        f'<text x="{x + 14}" y="{y + 20}" font-size="13" font-weight="600" fill="currentColor">'
        f"{escape(_middle_out(name, (wide - 24) / _LETTER))}</text>"
        f'<text x="{x + 14}" y="{y + 37}" font-size="11" fill="currentColor" fill-opacity="0.8">'
        f"{escape(_short(below, (wide - 24) / _SMALL))}</text></g>"
    )


def _mark(x: int, y: int, tall: int) -> str:
    return f'<rect class="state" x="{x}" y="{y}" width="4" height="{tall}" fill="currentColor" fill-opacity="0.9"/>'


def _legend(top: int, manifest: Manifest) -> tuple[list[str], int]:
    """Return what the colours and lines mean, and how wide that is."""
    said: list[str] = []
    x = _MARGIN
    if not manifest.order:
        return said, x
    for kind, word in _LEGEND:
        said.append(
            f'<svg class="status-{kind}">{_mark(x, top, 12)}<text x="{x + 10}" y="{top + 10}" font-size="11"'
            f' fill="currentColor" fill-opacity="0.8">{word}</text></svg>'
        )
        x += 24 + round(len(word) * _SMALL)
    lines = [
        ("a → b: b runs once a has succeeded", any(a.needs for a in manifest)),
        ("dashed: an event of a starts b", any(set(sources(manifest, a.name)) - set(a.needs) for a in manifest)),
    ]
    for words in (words for words, there in lines if there):
        said.append(
            f'<text x="{x}" y="{top + 10}" font-size="11" fill="currentColor" fill-opacity="0.8">{words}</text>'
        )
        x += 24 + round(len(words) * _SMALL)
    return said, x


def _middle_out(name: str, most: float) -> str:
    """Shorten a name in its middle: long names of one desk begin alike, and differ at their ends."""
    limit = int(most)
    head = limit // 3
    return name if len(name) <= limit else f"{name[:head]}…{name[len(name) - (limit - head - 1) :]}"


def _short(text: str, most: float) -> str:
    limit = int(most)
    return text if len(text) <= limit else text[: limit - 1] + "…"
