"""`kind = "api_key"`: a key that stays as it is until a person changes it; by reference, or pasted and kept sealed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

import msgspec

from steersman.kernel import references
from steersman.services.credentials.freshness import LONGEST_LIFE_S
from steersman.services.credentials.oauth2 import bad_header, sendable
from steersman.services.credentials.provider import (
    Fetched,
    Kind,
    Login,
    Problem,
    ProviderSettings,
    Refused,
    Surroundings,
    nothing_to_paste,
)


class ApiKeySettings(ProviderSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the key is.

    Attributes:
        key: reference; empty: it is pasted at `steersman auth login NAME --stdin`.
        fields: further parts by name, each a reference (a key's id, a user name).
        header, scheme: how it travels.
    """

    SECRETS: ClassVar[tuple[str, ...]] = ("key", "fields")

    key: str = ""
    fields: dict[str, str] = msgspec.field(default_factory=dict)
    header: str = "Authorization"
    scheme: str = "Bearer"

    def problems(self) -> Iterator[Problem]:
        yield from super().problems()
        yield from bad_header(self.header, self.scheme)


class ApiKey:
    """Looks where the key is, at every lease: a changed file is noticed at once."""

    static = True

    def __init__(self, around: Surroundings, settings: ProviderSettings) -> None:
        self._around = around
        self._settings = msgspec.convert(settings, ApiKeySettings)
        self.header, self.scheme = self._settings.header, self._settings.scheme

    def spends(self, login: Login) -> bool:
        return False

    def inputs(self, login: Login) -> tuple[str, ...]:
        return (self._key(login), *(f"{k}={v}" for k, v in sorted(self._fields().items())))

    def fetch(self, login: Login) -> Fetched:
        name = self._around.name
        key = self._key(login)
        if not key:
            raise Refused(
                f"{name} has no key yet", error="not_logged_in", fix=f"steersman auth login {name} --stdin < KEYFILE"
            )
        if not sendable(key):
            raise Refused(
                f"the key of {name} has characters that no key has (spaces, line ends or others)",
                error="unusable_key",
                fix="put the key alone where the reference points",
            )
        return Fetched(secret=key, fields=self._fields(), life_s=LONGEST_LIFE_S)

    def pasted(self, secret: str) -> Login:
        if self._settings.key:
            fix = f"put the new key where {self._settings.key} points, or remove key from steersman.toml"
            raise nothing_to_paste(self._around.name, fix=fix)
        return Login(pasted={"key": secret})

    def revoke(self, login: Login) -> bool:
        return False

    def _key(self, login: Login) -> str:
        if self._settings.key:
            return references.resolve(self._settings.key, self._around.root)
        return login.pasted.get("key", "")

    def _fields(self) -> dict[str, str]:
        return {n: references.resolve(text, self._around.root) for n, text in self._settings.fields.items()}


KIND: Final = Kind(settings=ApiKeySettings, make=ApiKey, flows=("paste",), seed="key")
