"""What it means when a request for an opinion fails: nothing was changed anywhere, and nobody asks again by himself."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeVar

from steersman.kernel.errors import Unavailable

T = TypeVar("T")
_EFFECT: Final = re.compile(r"; it may have taken effect\Z")


def without_effect(ask: Callable[[], T]) -> T:
    """Return what `ask` returns.

    Raises:
        Unavailable: also where a request that changes something would be of unknown outcome.
    """
    try:
        return ask()
    except Unavailable as exc:
        later = (
            f"ask again in {exc.retry_after_s:g} s" if exc.retry_after_s else "check its address, or ask again later"
        )
        raise Unavailable(_EFFECT.sub("", exc.message), fix=later, retry_after_s=exc.retry_after_s) from exc
