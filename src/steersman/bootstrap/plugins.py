"""Adapters, found by entry point: adding one is a folder and a line in its own package's metadata."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from steersman.kernel.errors import Misconfigured


def names(kind: str) -> list[str]:
    """Return the adapters installed for a port: `ledgers`, `venues`, `feeds`, `engines`, `channels`, `commons`."""
    return sorted(point.name for point in entry_points(group=f"steersman.{kind}"))


def factory(kind: str, name: str) -> Callable[..., Any]:
    """Return the `create` function of the adapter `name`.

    Raises:
        Misconfigured: no such adapter is installed; names those that are.
    """
    for point in entry_points(group=f"steersman.{kind}", name=name):
        loaded: Callable[..., Any] = point.load()
        return loaded
    port = kind.removesuffix("_settings").removesuffix("s").replace("_", " ").replace("common", "the commons")
    near = difflib.get_close_matches(name, names(kind), n=1)
    raise Misconfigured(
        f"there is no adapter {name!r} for {port}; allowed: {', '.join(names(kind))}",
        fix=f"did you mean {near[0]!r}?" if near else "use one of them, or install the package that brings it",
    )


def setting_type(port: str, name: str) -> Any:
    """Return the settings struct of the adapter `name` of a port, without importing the adapter itself.

    Raises:
        Misconfigured: no such adapter is installed; names those that are.
    """
    return factory(f"{port}_settings", name)
