"""`[shared]` with `kind = "postgres"`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Self

from steersman.kernel.toml_file import TomlFile
from steersman.services.commons import address
from steersman.services.commons.settings import SharedSettings

SCHEMES: Final = ("postgresql", "postgres")
_SCHEMA: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")


class PostgresSettings(SharedSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One PostgreSQL 14 (or later) server, reached without a pooler in between.

    Attributes:
        url: `env:NAME` or `file:PATH` that holds a `postgresql://` address, or the address itself if there is no
            password in it.
        schema: where our one table is; made if it is not there.
    """

    kind: str = "postgres"
    url: str = ""
    schema: str = "steersman_shared"

    def checked(self, file: TomlFile, path: tuple[str, ...], root: Path) -> Self:
        super().checked(file, path, root)
        address.check(file, path, self.url, SCHEMES, "postgresql://user:password@host/name")
        if not _SCHEMA.fullmatch(self.schema) or self.schema.startswith("pg_"):
            raise file.error(
                (*path, "schema"), f"found {self.schema!r}; allowed: small letters, digits, _", fix="rename the schema"
            )
        return self
