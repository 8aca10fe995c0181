"""Commons on Redis or Valkey: needs `steersman[redis]`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured
from steersman.services.commons import address
from steersman.services.commons.adapters.redis.settings import SCHEMES, RedisSettings

if TYPE_CHECKING:
    from steersman.services.commons.adapters.redis.commons import RedisCommons

__all__ = ["create"]


def create(settings: RedisSettings, *, root: Path, clock: Clock) -> RedisCommons:
    """Return the commons on the server at `settings.url`; asked for the first time when something is needed.

    Raises:
        Misconfigured: the url leads nowhere, or the package redis is not installed.
    """
    url = address.resolved(settings.url, root, SCHEMES)
    try:
        from steersman.services.commons.adapters.redis.commons import RedisCommons  # an optional package
    except ModuleNotFoundError as exc:
        raise Misconfigured(
            f'[shared] kind = "redis" needs the package {exc.name}', fix="pip install 'steersman[redis]'"
        ) from exc
    return RedisCommons(
        url, namespace=settings.namespace, lease_s=settings.lease_s, accepted=settings.durable, clock=clock
    )
