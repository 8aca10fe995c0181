"""A login that lives by its refresh token (RFC 6749 section 6), which the provider may exchange at every use."""

from __future__ import annotations

import msgspec

from steersman.services.credentials.oauth2 import OAuth2Settings, TokenEndpoint
from steersman.services.credentials.provider import Fetched, Login, Refused, Surroundings


class Refreshing:
    """Turns a refresh token into access tokens; where the first refresh token comes from is up to the kind."""

    static = False

    def __init__(self, around: Surroundings, settings: OAuth2Settings) -> None:
        self._name = around.name
        self._settings = settings
        self.endpoint = TokenEndpoint(around, settings)
        self.header, self.scheme = settings.header, settings.scheme

    def refresh_token(self, login: Login) -> str:
        """Return the refresh token to use now, empty if there is none."""
        return login.refresh_token

    def spends(self, login: Login) -> bool:
        return bool(self.refresh_token(login))

    def inputs(self, login: Login) -> tuple[str, ...]:
        return (*self.endpoint.inputs(), self.refresh_token(login))

    def fetch(self, login: Login) -> Fetched:
        token = self.refresh_token(login)
        if not token:
            # Either nobody ever logged in, or the provider gave an access token alone and that is over.
            error = "no_refresh_token" if login.logged_in_at else "not_logged_in"
            why = "gave no refresh token at the last login" if login.logged_in_at else "is not logged in"
            raise Refused(f"{self._name} {why}", error=error, fix=f"steersman auth login {self._name}")
        fetched = self.endpoint.ask({"grant_type": "refresh_token", "refresh_token": token}, spends=True)
        return msgspec.structs.replace(fetched, used=token)

    def pasted(self, secret: str) -> Login:
        return Login(refresh_token=secret)

    def revoke(self, login: Login) -> bool:
        token = self.refresh_token(login)
        if token:
            return self.endpoint.revoke(token, "refresh_token")
        return self.endpoint.revoke(login.token.secret if login.token else "", "access_token")
