"""Tokens that several machines have in common, as admission sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """A run on some machine that holds tokens, or waits for them; in the order they came."""

    machine: str
    run_id: str
    wanted: dict[str, int]
    held: bool


class Across(Protocol):
    """One line for all machines. Safe for many threads and processes."""

    def take(
        self, run_id: str, automation: str, wanted: Mapping[str, int], there: Mapping[str, int], *, may_hold: bool
    ) -> str:
        """Take all of `wanted` or nothing; return who is in the way and on which machine, empty once they are held.

        A run that could not be served stands in line; ask again, or `drop` it.

        Args:
            may_hold: False: only stand in line, for something else is in the way.
        """
        ...

    def drop(self, run_id: str) -> None:
        """Give back what a run of this process holds, and its place; later, if the others cannot be told now."""
        ...

    def holders(self) -> list[Holder]:
        """Return who holds and who waits, on all machines.

        Raises:
            Unavailable: nobody can say.
        """
        ...
