"""`--param NAME=VALUE`, as several commands take it."""

from __future__ import annotations

from collections.abc import Sequence

from steersman.kernel.errors import Misconfigured


def pairs(given: Sequence[str] | None) -> dict[str, str]:
    """Return NAME=VALUE pairs as a mapping.

    Raises:
        Misconfigured: one has no `=` or no name.
    """
    found = {}
    for text in given or ():
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise Misconfigured(f"--param {text!r}: allowed is NAME=VALUE", fix="write e.g. --param days=5")
        found[name] = value
    return found
