"""`kind = "oauth2_client"`: a program logs in as itself (RFC 6749 section 4.4, client credentials)."""

from __future__ import annotations

from typing import Final

import msgspec

from steersman.services.credentials.oauth2 import OAuth2Settings, TokenEndpoint
from steersman.services.credentials.provider import (
    Fetched,
    Kind,
    Login,
    ProviderSettings,
    Surroundings,
    nothing_to_paste,
)


class OAuth2ClientSettings(OAuth2Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing beyond what every OAuth 2.0 login needs."""


class OAuth2Client:
    """Asks with nothing but the client's own secret."""

    static = False

    def __init__(self, around: Surroundings, settings: ProviderSettings) -> None:
        self._around = around
        self._settings = msgspec.convert(settings, OAuth2ClientSettings)
        self._endpoint = TokenEndpoint(around, self._settings)
        self.header, self.scheme = self._settings.header, self._settings.scheme

    def spends(self, login: Login) -> bool:
        return False

    def inputs(self, login: Login) -> tuple[str, ...]:
        return self._endpoint.inputs()

    def fetch(self, login: Login) -> Fetched:
        grant = {"grant_type": "client_credentials"}
        if self._settings.scopes:
            grant["scope"] = " ".join(self._settings.scopes)
        return self._endpoint.ask(grant)

    def pasted(self, secret: str) -> Login:
        raise nothing_to_paste(self._around.name, fix="it logs in with client_id and client_secret of steersman.toml")

    def revoke(self, login: Login) -> bool:
        return self._endpoint.revoke(login.token.secret if login.token else "", "access_token")


KIND: Final = Kind(settings=OAuth2ClientSettings, make=OAuth2Client)
