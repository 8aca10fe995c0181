"""`kind = "oauth2_refresh"`: a refresh token from elsewhere, by reference or pasted at `steersman auth login`."""

from __future__ import annotations

from typing import ClassVar, Final

import msgspec

from steersman.kernel import references
from steersman.services.credentials.oauth2 import OAuth2Settings
from steersman.services.credentials.provider import Fetched, Kind, Login, ProviderSettings, Surroundings
from steersman.services.credentials.refreshing import Refreshing
from steersman.services.credentials.seeds import seed_id


class OAuth2RefreshSettings(OAuth2Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`refresh_token`: reference to the first one; empty: it is pasted. Later ones are kept sealed by the broker."""

    SECRETS: ClassVar[tuple[str, ...]] = (*OAuth2Settings.SECRETS, "refresh_token")

    refresh_token: str = ""


class OAuth2Refresh(Refreshing):
    """Starts from the referenced token, goes on with what the provider rotated it to."""

    def __init__(self, around: Surroundings, settings: ProviderSettings) -> None:
        self._said = msgspec.convert(settings, OAuth2RefreshSettings)
        self._root = around.root
        super().__init__(around, self._said)

    def refresh_token(self, login: Login) -> str:
        seed = self.seed()
        # A new value at the reference is a new login; the same value is the ancestor of what is stored.
        if seed and login.seed_id != seed_id(seed):
            return seed
        return login.refresh_token

    def fetch(self, login: Login) -> Fetched:
        seed = self.seed()
        fetched = super().fetch(login)
        return msgspec.structs.replace(fetched, seed_id=seed_id(seed) if seed else "")

    def pasted(self, secret: str) -> Login:
        seed = self.seed()
        # What a person just typed in is newer than what the reference says.
        return Login(refresh_token=secret, seed_id=seed_id(seed) if seed else "")

    def seed(self) -> str:
        """Return the token at the reference, empty without one.

        Raises:
            Misconfigured: nothing is there.
        """
        return references.resolve(self._said.refresh_token, self._root) if self._said.refresh_token else ""


KIND: Final = Kind(settings=OAuth2RefreshSettings, make=OAuth2Refresh, flows=("paste",), seed="refresh_token")
