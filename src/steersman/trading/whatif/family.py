"""Signals that follow another order: the exits of a bracket, and what replaces an order. Their ids say which."""

from __future__ import annotations

from typing import Final

import msgspec

_PARTS: Final = 3


class Parent(msgspec.Struct, frozen=True, kw_only=True):
    """The order a signal follows.

    Attributes:
        execution: the exit covers what this execution of the order traded (1, 2, ...); None: the signal replaces it.
        group: of the orders that are alternatives of each other.
    """

    order_id: str
    execution: int | None
    group: str | None


def parent_of(signal_id: str) -> Parent | None:
    """Return what `bracket/ORDER/stop-N`, `bracket/ORDER/target-N` or `replace/ORDER/REQUEST` follow; None: nothing."""
    parts = signal_id.split("/")
    if len(parts) != _PARTS:
        return None
    kind, order_id, last = parts
    number = last.rpartition("-")[2]
    if kind == "bracket" and number.isdecimal():
        return Parent(order_id=order_id, execution=int(number), group=f"bracket:{order_id}:{number}")
    return Parent(order_id=order_id, execution=None, group=None) if kind == "replace" else None
