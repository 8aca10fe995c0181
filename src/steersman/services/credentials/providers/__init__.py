"""Kinds of logins, one module each, named as `kind` in steersman.toml: a file put here is a kind, and no list changes.

A module has `KIND`, a `steersman.services.credentials.provider.Kind`; names that begin with `_` are no kinds.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from steersman.services.credentials.provider import Kind


@cache
def kinds() -> tuple[str, ...]:
    """Return the names of all kinds, in order."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")))


@cache
def kind_named(name: str) -> Kind:
    """Return the kind called `name`, one of `kinds()`."""
    found = importlib.import_module(f"{__name__}.{name}").KIND
    if not isinstance(found, Kind):
        raise TypeError(f"{__name__}.{name}.KIND is no Kind")
    return found
