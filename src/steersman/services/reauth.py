"""Logins that only a person can bring back, read from the ledger: whoever starts something asks before it starts."""

from __future__ import annotations

from collections.abc import Collection

from steersman.ledger import Ledger
from steersman.services.events import LOGGED_IN, LOGGED_OUT, REAUTH_REQUIRED, TOKEN_RECEIVED, TOKEN_REFRESHED

_PREFIX = "provider/"


def wanting_a_person(ledger: Ledger, *, among: Collection[str] | None = None) -> tuple[str, ...]:
    """Return the providers whose login broke and that nothing has mended since, by name.

    A person who logs in (or out) mends it, and so does a token that came: a corrected secret needs no login.
    `among` are the providers that are declared: what was taken out of the settings wants nobody.
    """
    broken: dict[str, int] = {}
    # By type, not by stream: a provider's stream holds every lease, and these happen seldom.
    for event in ledger.read(types=(REAUTH_REQUIRED, LOGGED_IN, LOGGED_OUT)):
        provider = event.stream.removeprefix(_PREFIX)
        if event.type == REAUTH_REQUIRED:
            broken[provider] = event.pos
        else:
            broken.pop(provider, None)
    wanted = [name for name in sorted(broken) if among is None or name in among]
    return tuple(name for name in wanted if not _refreshed(ledger, name, broken[name]))


def _refreshed(ledger: Ledger, provider: str, pos: int) -> bool:
    found = ledger.read(after=pos, types=(TOKEN_REFRESHED, TOKEN_RECEIVED), stream=f"{_PREFIX}{provider}", limit=1)
    return next(iter(found), None) is not None
