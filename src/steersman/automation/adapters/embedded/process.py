"""DBOS is one per process: which of our engines has it now."""

from __future__ import annotations

from steersman.kernel.errors import Conflict

_holder: list[str] = []


def hold(engine: str) -> None:
    """Claim DBOS for an engine of this process.

    Raises:
        Conflict: another engine of this process holds it.
    """
    if _holder:
        article = "an" if _holder[0][0] in "aeiou" else "a"
        raise Conflict(f"this process already runs {article} {_holder[0]} engine", fix="close it first")
    _holder.append(engine)


def let_go() -> None:
    """Give DBOS back."""
    _holder.clear()
