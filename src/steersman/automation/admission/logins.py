"""Logins that an automation uses: one that wants a person keeps it from starting, instead of failing half-way."""

from __future__ import annotations

from steersman.ledger import Ledger
from steersman.services.reauth import wanting_a_person


def login_required(ledger: Ledger, providers: tuple[str, ...]) -> str:
    """Return which of the logins wants a person, in words; empty if none does."""
    if not providers:
        return ""
    broken = wanting_a_person(ledger)
    for provider in providers:
        if provider in broken:
            return f"a person must log in to {provider}: steersman auth login {provider}"
    return ""
