"""Which halt scopes mean something on this desk."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from steersman.bootstrap.workspace import Workspace


def unknown_scope(workspace: Workspace, scope: str) -> tuple[str, str] | None:
    """Return why `scope` means nothing here, and the fix; None: it does.

    Whoever halts what does not exist believes that it stands still.
    """
    kind, _, name = scope.partition(":")
    trading = workspace.trading
    known: dict[str, Iterable[str]] = {
        "venue": trading.venues,
        "strategy": trading.strategies,
        "instrument": trading.instruments,
    }
    if kind not in known or name in known[kind]:
        return None
    near = difflib.get_close_matches(name, list(known[kind]), n=1)
    allowed = ", ".join(known[kind]) or "none"
    fix = f"did you mean {kind}:{near[0]}?" if near else "halt `all` if in doubt"
    return f"no {kind} {name!r} is declared; declared: {allowed}", fix
