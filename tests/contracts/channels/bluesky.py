"""Bluesky, on a server of ours that answers by the AT Protocol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from tests.contracts.channels.local import Open

from steersman.bootstrap.proof.platforms import bluesky as platform
from steersman.bootstrap.proof.platforms.server import Server
from steersman.content.adapters.bluesky import BlueskyChannel
from steersman.content.adapters.bluesky.settings import BlueskySettings


def settings(url: str) -> BlueskySettings:
    """Return the settings of a channel on the server at `url`."""
    return msgspec.convert(platform.settings(url), BlueskySettings)


@contextmanager
def bluesky(place: Path) -> Iterator[Open]:
    """A server in this process; every opening logs in anew."""
    with Server(platform.Server(place)) as server:
        yield lambda: BlueskyChannel(settings=settings(server.url), password=platform.PASSWORD)
