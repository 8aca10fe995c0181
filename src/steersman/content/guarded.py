"""A channel whose mistakes stay its own: whatever it raises or claims, callers meet what the port promises."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Final

import msgspec

from steersman.content.ports import Channel, Engagement, Limits, Post, Publication
from steersman.kernel.errors import (
    Corrupt,
    Misconfigured,
    OutcomeUnknown,
    Rejected,
    SteersmanError,
    Unavailable,
)

_LONGEST: Final = 2000
_ADDRESS: Final = re.compile(r"(?:https?|urn|memory|at):\S+")
"""What may become a link on a page. An address comes from the platform, and platforms lie."""


class Guarded:
    """Passes every call on. An adapter that stumbles over an answer must not stop the posts of all other channels."""

    def __init__(self, inner: Channel, name: str) -> None:
        """Guard `inner`; `name` is what messages call it."""
        self._inner = inner
        self._name = name

    @property
    def limits(self) -> Limits:
        return self._inner.limits

    def remote_key(self, key: str, at: int) -> str:
        return self._inner.remote_key(key, at)

    def lookup(self, post: Post) -> Publication | None:
        with self._may(Unavailable, Misconfigured, Corrupt, otherwise=Unavailable):
            found = self._inner.lookup(post)
            return None if found is None else self._believed(found)

    def publish(self, post: Post) -> Publication:
        with self._may(Unavailable, Rejected, Misconfigured, Corrupt, OutcomeUnknown, otherwise=OutcomeUnknown):
            return self._believed(self._inner.publish(post))

    def delete(self, post: Post) -> None:
        with self._may(Unavailable, Rejected, Misconfigured, Corrupt, otherwise=Unavailable):
            self._inner.delete(post)

    def engagement(self, post: Post) -> Engagement | None:
        with self._may(Unavailable, Rejected, Misconfigured, otherwise=Unavailable):
            return self._inner.engagement(post)

    @contextmanager
    def _may(self, *allowed: type[SteersmanError], otherwise: type[SteersmanError]) -> Iterator[None]:
        """Let `allowed` pass, and make `otherwise` of everything else."""
        try:
            yield
        except SteersmanError as exc:
            # `OutcomeUnknown` is a kind of `Unavailable`: after a look or a removal it would say too much.
            if type(exc) in allowed:
                raise
            raise otherwise(exc.message, fix=exc.fix) from exc
        except Exception as exc:  # the edge to an adapter, which may be anybody's: named with its place, and passed on
            raise otherwise(
                f"{self._name}: an answer that the channel cannot read ({type(exc).__name__} in {_place(exc)})",
                fix="check that the address is the platform's; if it is, report this",
            ) from exc

    def _believed(self, said: Publication) -> Publication:
        """Return what may be recorded of what the channel says.

        Raises:
            OutcomeUnknown: its name for the post is none, so that the post could never be found again.
        """
        if len(said.remote_id) > _LONGEST or not said.remote_id.isprintable():
            raise OutcomeUnknown(f"{self._name}: the post was given a name that is none", fix="look there by hand")
        is_address = len(said.url) <= _LONGEST and said.url.isprintable() and _ADDRESS.fullmatch(said.url)
        return msgspec.structs.replace(
            said,
            url=said.url if is_address else f"urn:steersman:{said.key}",
            revision="".join(c for c in said.revision[:_LONGEST] if c.isprintable()),
        )


def _place(exc: Exception) -> str:
    """Return file and line; never the words of the exception, which may quote a draft or a secret."""
    last = traceback.extract_tb(exc.__traceback__)[-1]
    return f"{PurePath(last.filename).name}:{last.lineno}"
