"""The channels that need no server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from tests.builders_content import SITE

from steersman.content.adapters.memory import MemoryChannel
from steersman.content.adapters.site import SiteChannel
from steersman.content.ports import Channel

Open = Callable[[], Channel]


@contextmanager
def memory(place: Path) -> Iterator[Open]:
    """One dictionary for every opening."""
    kept = MemoryChannel()
    yield lambda: kept


@contextmanager
def site(place: Path) -> Iterator[Open]:
    """A site with a commit per post."""
    yield lambda: SiteChannel(settings=SITE, root=place)


@contextmanager
def site_without_git(place: Path) -> Iterator[Open]:
    """A site that is only files."""
    yield lambda: SiteChannel(settings=msgspec.structs.replace(SITE, git=False), root=place)
