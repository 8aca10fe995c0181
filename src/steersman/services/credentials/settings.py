"""`[provider.NAME]` of steersman.toml: where a login comes from; secrets by reference only."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from steersman.kernel import references
from steersman.kernel.toml_file import TomlFile
from steersman.services.credentials.provider import ProviderSettings
from steersman.services.credentials.providers import kind_named, kinds

__all__ = ["SECTION", "ProviderSettings", "read"]

SECTION: Final = "provider"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


def read(file: TomlFile, root: Path) -> dict[str, ProviderSettings]:
    """Return the declared providers, checked; secrets are not looked up yet.

    Raises:
        Misconfigured: names file, line, field, what was found and what is allowed; never quotes a secret.
    """
    declared = file.get(SECTION)
    if declared is None:
        return {}
    if not isinstance(declared, Mapping):
        raise file.error((SECTION,), "found no table; allowed: [provider.NAME]", fix="write [provider.NAME]")
    return {name: _read_one(file, name, raw) for name, raw in declared.items()}


def _read_one(file: TomlFile, name: str, raw: object) -> ProviderSettings:
    here = (SECTION, name)
    if not _NAME.fullmatch(name):
        raise file.error(here, "a name is letters, digits, - or _ (40 at most)", fix=f"rename {name!r}")
    if not isinstance(raw, Mapping):
        # What stands there may be a key somebody pasted: it is not quoted.
        raise file.error(here, "found a value; allowed: a table", fix=f"write [provider.{name}] with kind = ...")
    type_ = _type(file, here, raw.get("kind"))
    _refuse_odd_secrets(file, here, type_, raw)
    settings = file.section(here, type_, raw=raw)
    for field, problem, fix in settings.problems():
        raise file.error((*here, *field.split(".")), problem, fix=fix)
    return settings


def _type(file: TomlFile, here: tuple[str, ...], kind: object) -> type[ProviderSettings]:
    allowed = ", ".join(kinds())
    if not isinstance(kind, str):
        raise file.error(here, f"`kind` is missing; allowed: {allowed}", fix='write e.g. kind = "oauth2_client"')
    if kind not in kinds():
        near = difflib.get_close_matches(kind, kinds(), n=1)
        raise file.error(
            (*here, "kind"),
            f"found {kind!r}; allowed: {allowed}",
            fix=f'did you mean kind = "{near[0]}"?' if near else "write one of these",
        )
    return kind_named(kind).settings


def _refuse_odd_secrets(
    file: TomlFile, here: tuple[str, ...], type_: type[ProviderSettings], raw: Mapping[str, object]
) -> None:
    """Refuse a secret that is no text before anything can quote it: a bare number, a list."""
    for field in type_.SECRETS:
        value = raw.get(field)
        members = value if isinstance(value, Mapping) else {"": value}
        for key, member in members.items():
            if member is not None and not isinstance(member, str):
                path = (*here, field, key) if key else (*here, field)
                raise file.error(path, "found no text; allowed: a reference", fix=references.FIX)
