"""Mastodon, on a server of ours that answers as its documentation says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from tests.contracts.channels.local import Open

from steersman.bootstrap.proof.platforms import mastodon as platform
from steersman.bootstrap.proof.platforms.server import Server
from steersman.content.adapters.mastodon import MastodonChannel
from steersman.content.adapters.mastodon.api import Api
from steersman.content.adapters.mastodon.settings import MastodonSettings


def channel(url: str, place: Path, *, waits: list[float] | None = None, **fields: Any) -> MastodonChannel:
    """Return a channel on the server at `url`, with some settings changed; `waits` collects its pauses."""
    settings = msgspec.convert({**platform.settings(url), **fields}, MastodonSettings)
    passed: list[float] = [] if waits is None else waits
    api = Api(settings, platform.TOKEN, wait=passed.append)
    return MastodonChannel(settings=settings, api=api, memory=place / "instance.json")


@contextmanager
def mastodon(place: Path) -> Iterator[Open]:
    """A server in this process; every opening is a new process as far as the channel knows."""
    with Server(platform.Mastodon(place)) as server:
        yield lambda: channel(server.url, place)
