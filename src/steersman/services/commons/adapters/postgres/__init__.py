"""Commons on PostgreSQL; psycopg comes with the engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from steersman.kernel.clock import Clock
from steersman.services.commons import address
from steersman.services.commons.adapters.postgres.settings import SCHEMES, PostgresSettings

if TYPE_CHECKING:
    from steersman.services.commons.adapters.postgres.commons import PostgresCommons

__all__ = ["create"]


def create(settings: PostgresSettings, *, root: Path, clock: Clock) -> PostgresCommons:
    """Return the commons in the database at `settings.url`; asked for the first time when something is needed.

    Raises:
        Misconfigured: the url leads nowhere.
    """
    from steersman.services.commons.adapters.postgres.commons import PostgresCommons  # psycopg takes 80 ms to load

    url = address.resolved(settings.url, root, SCHEMES)
    return PostgresCommons(
        url, namespace=settings.namespace, schema=settings.schema, lease_s=settings.lease_s, clock=clock
    )
