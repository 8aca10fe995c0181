"""`kind = "resolver"`: a password manager's command resolves references such as `op://vault/item/field`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from steersman.kernel.durations import seconds
from steersman.services.credentials.commanded import Commanded, CommandSettings
from steersman.services.credentials.oauth2 import bad_header, sendable
from steersman.services.credentials.provider import (
    Fetched,
    Kind,
    Login,
    NoAnswer,
    Problem,
    ProviderSettings,
    Surroundings,
    bad_span,
)

_PLACE: Final = "{reference}"


class ResolverSettings(CommandSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to resolve, and how.

    Attributes:
        command: words of the resolving command; `{reference}` stands for the reference.
        reference: of the secret, with a scheme: `op://vault/item/field`.
        fields: further parts by name, each a reference of the same form.
        life: how long what was resolved is good before it is resolved again.
    """

    reference: str
    command: tuple[str, ...] = ("op", "read", "--no-newline", _PLACE)
    fields: dict[str, str] = msgspec.field(default_factory=dict)

    def problems(self) -> Iterator[Problem]:
        yield from super().problems()
        if not self.command or not all(self.command) or not any(_PLACE in part for part in self.command):
            yield "command", "found no {reference} in it", 'write e.g. command = ["op", "read", "{reference}"]'
        for field, text in {"reference": self.reference, **{f"fields.{k}": v for k, v in self.fields.items()}}.items():
            scheme, separator, rest = text.partition("://")
            # Not quoted: whoever writes no reference has perhaps written the secret.
            if not separator or not scheme.isalnum() or not rest or text.startswith("-"):
                found = f"found {len(text)} characters without a scheme; allowed: a reference, never the secret"
                yield field, found, f'write e.g. {field} = "op://vault/item/field"'
        yield from bad_span("life", self.life, least_s=1.0, most_s=86_400.0)
        yield from bad_header(self.header, self.scheme)


class Resolver(Commanded):
    """Runs the command once for the secret and once for each further part."""

    from_where = "it resolves its reference"

    def __init__(self, around: Surroundings, settings: ProviderSettings) -> None:
        self._settings = msgspec.convert(settings, ResolverSettings)
        super().__init__(around, self._settings)

    def fetch(self, login: Login) -> Fetched:
        said = self._settings
        secret = self._resolve(said.reference)
        fields = {name: self._resolve(text) for name, text in said.fields.items()}
        return Fetched(secret=secret, fields=fields, life_s=seconds(said.life))

    def _resolve(self, reference: str) -> str:
        around, said = self._around, self._settings
        words = [part.replace(_PLACE, reference) for part in said.command]
        printed = self._printed(words)
        text = printed.decode("utf-8", errors="replace").removesuffix("\n").removesuffix("\r")
        if not sendable(text):
            raise NoAnswer(f"{around.name}: {said.command[0]} resolved {reference} to nothing that can be sent")
        return text


KIND: Final = Kind(settings=ResolverSettings, make=Resolver)
