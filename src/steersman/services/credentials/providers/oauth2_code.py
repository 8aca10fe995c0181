"""`kind = "oauth2_code"`: a person logs in once, in a browser (PKCE) or on another device; then it refreshes itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from steersman.services.credentials.addresses import bad_address
from steersman.services.credentials.oauth2 import OAuth2Settings
from steersman.services.credentials.provider import Kind, Problem, ProviderSettings, Surroundings
from steersman.services.credentials.refreshing import Refreshing


class OAuth2CodeSettings(OAuth2Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a person logs in.

    Attributes:
        authorize_url: of the browser flow (RFC 6749 section 3.1); empty: there is none.
        device_url: of the device flow (RFC 8628 section 3.1); empty: there is none.
        authorize_params: sent along in the browser flow, such as `access_type = "offline"`.
        redirect_port: for providers that compare the port of the redirect address; 0: any that is free (RFC 8252).
        redirect_path: path of the redirect address.
    """

    authorize_url: str = ""
    device_url: str = ""
    authorize_params: dict[str, str] = msgspec.field(default_factory=dict)
    redirect_port: int = 0
    redirect_path: str = "/callback"

    def problems(self) -> Iterator[Problem]:
        yield from super().problems()
        for field in ("authorize_url", "device_url"):
            if getattr(self, field):
                yield from bad_address(field, getattr(self, field))
        if not self.authorize_url and not self.device_url:
            yield "authorize_url", "found neither authorize_url nor device_url", "add one: where a person logs in"
        if self.redirect_port and not 1024 <= self.redirect_port <= 65_535:
            yield "redirect_port", f"found {self.redirect_port}, allowed: 0 or 1024 to 65535", "write redirect_port = 0"
        if not self.redirect_path.startswith("/") or not self.redirect_path.isascii() or "?" in self.redirect_path:
            yield "redirect_path", "found no path", 'write redirect_path = "/callback"'


class OAuth2Code(Refreshing):
    """Lives by the refresh token that a person's login brought."""

    def __init__(self, around: Surroundings, settings: ProviderSettings) -> None:
        super().__init__(around, msgspec.convert(settings, OAuth2CodeSettings))


KIND: Final = Kind(settings=OAuth2CodeSettings, make=OAuth2Code, flows=("browser", "device", "paste"))
