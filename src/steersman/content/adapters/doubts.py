"""What a request without a clear answer means: the caller knows what it was for, `Http` does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from steersman.content.adapters.http import DOUBT
from steersman.kernel.errors import OutcomeUnknown, SteersmanError, Unavailable


@contextmanager
def nothing_out() -> Iterator[None]:
    """Take a doubt for a no: what is asked for inside (a picture, a login, a removal) shows no reader a new post."""
    try:
        yield
    except OutcomeUnknown as exc:
        raise Unavailable(_plain(exc), fix="tried again by itself", retry_after_s=exc.retry_after_s) from exc


@contextmanager
def already_out() -> Iterator[None]:
    """Take every trouble for a doubt: the post is out, only what it shows is not known yet."""
    try:
        yield
    except SteersmanError as exc:
        raise OutcomeUnknown(exc.message, fix="it is looked up before anything else") from exc


@contextmanager
def without_effect() -> Iterator[None]:
    """Take a doubt for a no: asking for an opinion changes nothing anywhere, and nobody asks again by himself."""
    try:
        yield
    except Unavailable as exc:
        later = (
            f"ask again in {exc.retry_after_s:g} s" if exc.retry_after_s else "check its address, or ask again later"
        )
        raise Unavailable(_plain(exc), fix=later, retry_after_s=exc.retry_after_s) from exc


def _plain(exc: Unavailable) -> str:
    return exc.message.removesuffix(DOUBT)
