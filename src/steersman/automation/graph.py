"""The manifest drawn: as a tree for the terminal, as SVG for a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from steersman.automation.model.manifest import Automation, Manifest
from steersman.automation.model.schedule import why_not

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 184, 52, 56, 20, 12
_ACROSS = 5


def rows(manifest: Manifest) -> list[tuple[str, str, str]]:
    """Return one line per automation: drawn name, name, and when it starts.

    Each stands under the last automation it needs; the others it needs are named after its start.
    """
    parent = {a.name: max(a.needs, key=manifest.order.index) if a.needs else None for a in manifest}
    lines: list[tuple[str, str, str]] = []

    def put(name: str, lead: str, branch: str) -> None:
        automation = manifest[name]
        others = [need for need in automation.needs if need != parent[name]]
        also = f"; also needs {', '.join(others)}" if others else ""
        lines.append((f"{lead}{branch}{name}", name, when(automation) + also))
        children = [n for n in manifest.order if parent[n] == name]
        deeper = lead + {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
        for child in children:
            put(child, deeper, "└─ " if child == children[-1] else "├─ ")

    for name in manifest.order:
        if parent[name] is None:
            put(name, "", "")
    return lines


def when(automation: Automation) -> str:
    """Say in a few words what starts it, e.g. `*/15 * * * mon-fri America/New_York`."""
    start = (
        f"{automation.schedule} {automation.tz}" if automation.schedule and automation.enabled else why_not(automation)
    )
    return start + "".join(f"; {limit}" for limit in limits(automation))


def limits(automation: Automation) -> list[str]:
    """Return what else a start depends on, each in a few words."""
    found = [f"within {automation.window.text}"] if automation.window is not None else []
    found += [f"not on {', '.join(b.text for b in automation.blackout)}"] if automation.blackout else []
    found += [f"holds {amount} {name}" for name, amount in automation.resources.items()]
    found += ["a person approves"] if automation.approve else []
    shared = (*automation.credentials, *automation.pulls)
    return found + ([f"uses {', '.join(shared)}"] if shared else [])


def columns(manifest: Manifest) -> list[list[str]]:
    """Return names by depth: column 0 needs nothing, column n needs something of column n-1."""
    depth: dict[str, int] = {}
    for name in manifest.order:
        depth[name] = 1 + max((depth[need] for need in manifest[name].needs), default=-1)
    return [[n for n in manifest.order if depth[n] == d] for d in range(max(depth.values(), default=-1) + 1)]


def svg(manifest: Manifest, status: Mapping[str, str] | None = None) -> str:
    """Return the graph as one SVG element without script or style; classes `node`, `edge`, `status-<word>` style it.

    Args:
        status: latest status by name; shown in words, never by colour alone.
    """
    place = {
        name: (_MARGIN + x * (_WIDTH + _GAP_X), _MARGIN + y * (_HEIGHT + _GAP_Y)) for name, (x, y) in _cells(manifest)
    }
    width = max((x for x, _ in place.values()), default=0) + _WIDTH + _MARGIN
    height = max((y for _, y in place.values()), default=0) + _HEIGHT + _MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' role="img" aria-label="Automations and what they need" font-family="inherit">'
    )
    parts = [head]
    parts += [_edge(place[need], place[a.name]) for a in manifest for need in a.needs]
    parts += [_node(manifest[name], place[name], (status or {}).get(name, "never ran")) for name in place]
    return "".join([*parts, "</svg>"])


def _cells(manifest: Manifest) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield column and row of each: what is connected by depth, below that the others side by side."""
    connected = {n for a in manifest if a.needs for n in (a.name, *a.needs)}
    layers = [[n for n in column if n in connected] for column in columns(manifest)]
    for x, column in enumerate(layers):
        yield from ((name, (x, y)) for y, name in enumerate(column))
    below = max(map(len, layers), default=0)
    for number, name in enumerate(n for n in manifest.order if n not in connected):
        yield name, (number % _ACROSS, below + number // _ACROSS)


def _edge(start: tuple[int, int], end: tuple[int, int]) -> str:
    x1, y1 = start[0] + _WIDTH, start[1] + _HEIGHT // 2
    x2, y2 = end[0], end[1] + _HEIGHT // 2
    bend = (x1 + x2) // 2
    return (
        f'<path class="edge" d="M{x1} {y1}C{bend} {y1} {bend} {y2} {x2} {y2}" fill="none" stroke="currentColor"'
        f' stroke-opacity="0.5"/>'
    )


def _node(automation: Automation, at: tuple[int, int], status: str) -> str:
    x, y = at
    name, start = escape(automation.name), escape(_short(when(automation)))
    return (
        f'<g class="node status-{escape(status.replace(" ", "-"))}">'
        f"<title>{name}: {escape(when(automation))}; {escape(status)}</title>"
        f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="6" fill="none" stroke="currentColor"/>'
        f'<text x="{x + 12}" y="{y + 21}" font-size="13" font-weight="600" fill="currentColor">{name}</text>'
        f'<text x="{x + 12}" y="{y + 40}" font-size="11" fill="currentColor" fill-opacity="0.7">{start}</text>'
        f'<text x="{x + _WIDTH - 12}" y="{y + 21}" font-size="11" text-anchor="end" fill="currentColor">'
        f"{escape(status)}</text></g>"
    )


def _short(text: str, limit: int = 28) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
