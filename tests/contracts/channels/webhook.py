"""Webhooks, at a receiver of ours that keeps the documented contract."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from tests.contracts.channels.local import Open

from steersman.bootstrap.proof.platforms import webhook as platform
from steersman.bootstrap.proof.platforms.server import Server
from steersman.content.adapters.webhook import WebhookChannel
from steersman.content.adapters.webhook.settings import WebhookSettings


def settings(url: str, *, timeout: str = "30s") -> WebhookSettings:
    """Return the settings of a channel on the receiver at `url`."""
    return msgspec.convert({**platform.settings(url), "timeout": timeout}, WebhookSettings)


@contextmanager
def webhook(place: Path) -> Iterator[Open]:
    """A receiver in this process."""
    with Server(platform.Receiver(place)) as server:
        yield lambda: WebhookChannel(settings=settings(server.url), secret=platform.SECRET)
