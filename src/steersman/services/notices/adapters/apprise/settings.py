"""`[notify.NAME]` with `kind = "apprise"`."""

from __future__ import annotations

from steersman.services.notices.settings import NotifierSettings


class AppriseSettings(NotifierSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service that Apprise knows; `url` says where its address is (`env:NAME`, `file:PATH`): it holds tokens."""

    url: str
