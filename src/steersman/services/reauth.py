"""Logins that only a person can bring back, read from the ledger: whoever starts something asks before it starts."""

from __future__ import annotations

from steersman.ledger import Ledger
from steersman.services.events import LOGGED_IN, LOGGED_OUT, REAUTH_REQUIRED

_PREFIX = "provider/"


def wanting_a_person(ledger: Ledger) -> tuple[str, ...]:
    """Return the providers whose login broke and that no person has logged in to (or out of) since, by name.

    By type, not by stream: a provider's stream holds every lease, and these happen seldom.
    """
    broken: dict[str, None] = {}
    for event in ledger.read(types=(REAUTH_REQUIRED, LOGGED_IN, LOGGED_OUT)):
        provider = event.stream.removeprefix(_PREFIX)
        if event.type == REAUTH_REQUIRED:
            broken[provider] = None
        else:
            broken.pop(provider, None)
    return tuple(sorted(broken))
