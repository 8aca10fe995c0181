"""Where crash tests cut: every durable step of an act is counted, and one of them is the last, before or after it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Cut(BaseException):
    """The power goes here."""


class Steps:
    """Counts the calls that are wrapped, in `names`, and cuts the one numbered `cut_at` (from 1).

    What another thread does, a platform of the test for instance, is not what is cut.
    """

    def __init__(self, cut_at: int | None = None, *, after: bool = False) -> None:
        self.cut_at = cut_at
        self.after = after
        self.names: list[str] = []

    @property
    def done(self) -> int:
        return len(self.names)

    def wrap(self, call: Callable[..., Any], name: str = "") -> Callable[..., Any]:
        def stepped(*arguments: Any, **options: Any) -> Any:
            if threading.current_thread() is not threading.main_thread():
                return call(*arguments, **options)
            self.names.append(name)
            is_here = self.cut_at == self.done
            if is_here and not self.after:
                raise Cut(name)
            result = call(*arguments, **options)
            if is_here:
                raise Cut(name)
            return result

        return stepped


class Cuttable:
    """A ledger, or a channel, whose calls `names` are steps."""

    def __init__(self, inner: Any, steps: Steps, *names: str) -> None:
        self._inner = inner
        self._steps = {name: steps.wrap(getattr(inner, name), name) for name in names}

    def __getattr__(self, name: str) -> Any:
        return self._steps.get(name) or getattr(self._inner, name)
