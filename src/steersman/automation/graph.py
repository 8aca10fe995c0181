"""The manifest in words: a tree for the terminal, and what starts each; `graph_picture` draws it."""

from __future__ import annotations

from steersman.automation.graph_layout import depths
from steersman.automation.model.manifest import Automation, Manifest
from steersman.automation.model.schedule import why_not


def rows(manifest: Manifest) -> list[tuple[str, str, str]]:
    """Return one line per automation: drawn name, name, and when it starts.

    Each stands under the last automation it needs; one with a time of its own names the others it needs after that.
    """
    place = {name: number for number, name in enumerate(manifest.order)}
    parent = {a.name: max(a.needs, key=place.__getitem__) if a.needs else None for a in manifest}
    children: dict[str | None, list[str]] = {}
    for name in manifest.order:
        children.setdefault(parent[name], []).append(name)
    lines: list[tuple[str, str, str]] = []
    left = [(name, "", "") for name in reversed(children.get(None, []))]
    while left:
        name, lead, branch = left.pop()
        lines.append((f"{lead}{branch}{name}", name, _starts(manifest[name], parent[name])))
        deeper = lead + {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
        below = children.get(name, [])
        left += [(n, deeper, "└─ " if n == below[-1] else "├─ ") for n in reversed(below)]
    return lines


def _starts(automation: Automation, parent: str | None) -> str:
    start = when(automation)
    others = [need for need in automation.needs if need != parent and need not in why_not(automation)]
    return f"{start}; also needs {', '.join(others)}" if others else start


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
    depth = depths(manifest)
    return [[n for n in manifest.order if depth[n] == d] for d in range(max(depth.values(), default=-1) + 1)]
