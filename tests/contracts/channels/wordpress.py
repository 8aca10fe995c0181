"""WordPress, on a server of ours that answers by its REST API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from tests.contracts.channels.local import Open

from steersman.bootstrap.proof.platforms import wordpress as platform
from steersman.bootstrap.proof.platforms.server import Server
from steersman.content.adapters.wordpress import WordPressChannel, create
from steersman.content.adapters.wordpress.settings import WordPressSettings


def channel(url: str, **fields: Any) -> WordPressChannel:
    """Return a channel on the server at `url`, with some settings changed."""
    settings = msgspec.convert({**platform.settings(url), **fields}, WordPressSettings)
    return create(settings=settings, root=Path(), secret=lambda _: platform.PASSWORD)


@contextmanager
def wordpress(place: Path) -> Iterator[Open]:
    """The API at `?rest_route=`, as an editor."""
    with Server(platform.WordPress(place)) as server:
        yield lambda: channel(server.url)


@contextmanager
def wordpress_as_author(place: Path) -> Iterator[Open]:
    """The API below `/wp-json/`, as an author whose HTML is filtered."""
    with Server(platform.WordPress(place)) as server:
        yield lambda: channel(server.url, user=platform.AUTHOR, api=f"{server.url}/wp-json/")
