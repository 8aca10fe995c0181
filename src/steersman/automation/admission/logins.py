"""Logins that an automation uses: one that wants a person keeps it from starting, instead of failing half-way."""

from __future__ import annotations

from steersman.ledger import Ledger
from steersman.services.events import LOGGED_IN, REAUTH_REQUIRED


def login_required(ledger: Ledger, providers: tuple[str, ...]) -> str:
    """Return which of the logins wants a person, in words; empty if none does."""
    if not providers:
        return ""
    # By type, not by stream: a provider's stream holds every lease, and these two happen seldom.
    last = {event.stream: event.type for event in ledger.read(types=(REAUTH_REQUIRED, LOGGED_IN))}
    for provider in providers:
        if last.get(f"provider/{provider}") == REAUTH_REQUIRED:
            return f"a person must log in to {provider}: steersman auth login {provider}"
    return ""
