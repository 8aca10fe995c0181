"""`[shared]` with `kind = "redis"`."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, Self

from steersman.kernel.toml_file import TomlFile
from steersman.services.commons import address
from steersman.services.commons.settings import SharedSettings

SCHEMES: Final = ("redis", "rediss", "unix")
Durable = Literal["always", "everysec", "trust"]


class RedisSettings(SharedSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One Redis 6.2 (or later) or Valkey server.

    Attributes:
        url: `env:NAME` or `file:PATH` that holds a `redis://`, `rediss://` or `unix://` address, or the address itself
            if there is no password in it.
        durable: what the server must say for logins to be kept there. always: appendonly yes, appendfsync always.
            everysec: appendfsync everysec will do; a power cut may cost the last second, and with it a login. trust:
            the operator vouches for a server that does not tell its configuration.
    """

    kind: str = "redis"
    url: str = ""
    durable: Durable = "always"

    def checked(self, file: TomlFile, path: tuple[str, ...], root: Path) -> Self:
        super().checked(file, path, root)
        address.check(file, path, self.url, SCHEMES, "rediss://user:password@host:6379/0")
        return self
