"""`[notify.NAME]` with `kind = "webhook"`."""

from __future__ import annotations

from steersman.services.notices.settings import NotifierSettings


class WebhookSettings(NotifierSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A receiver of JSON.

    Attributes:
        url: where its address is: `env:NAME` or `file:PATH`, for it often holds a token.
        secret: where the key of the signature is; empty: not signed.
    """

    url: str
    secret: str = ""
