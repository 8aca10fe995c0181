"""Which engine of the first pass, and how it is set up: what a desk and its checking process tell each other."""

from __future__ import annotations

from typing import Literal

import msgspec

from steersman.content.ports import Checker
from steersman.content.qa.engines.harper import HarperChecker
from steersman.content.qa.engines.lingotweaker import LingotweakerChecker


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """An engine that reads text alone; equal ones find the same."""

    name: Literal["harper", "lingotweaker"]
    dialect: str
    vocabulary: tuple[str, ...] = ()
    off: tuple[str, ...] = ()

    def made(self) -> Checker:
        """Return the engine, in this process.

        Raises:
            Misconfigured: it is not installed.
        """
        if self.name == "lingotweaker":
            return LingotweakerChecker(dialect=self.dialect)
        return HarperChecker(vocabulary=self.vocabulary, off=self.off, dialect=self.dialect)
