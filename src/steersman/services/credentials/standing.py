"""How a login is doing, in the words of the port: from what is noted beside it, without a key and without asking."""

from __future__ import annotations

from typing import Literal

from steersman.services.credentials.slot import Slot
from steersman.services.credentials.store import Health
from steersman.services.ports import ProviderStatus

State = Literal["ready", "idle", "login_required", "failing"]


def standing(slot: Slot, counts: tuple[int, int], now_ns: int) -> ProviderStatus:
    """Return the status of one login; `counts` are its leases and refreshes."""
    health = slot.health()
    state = _state(slot, health, now_ns)
    problem, fix = _problem(slot, health, state)
    leases, refreshes = counts
    return ProviderStatus(
        provider=slot.name,
        kind=slot.settings.kind,
        state=state,
        expires_at=None if slot.provider.static else health.expires_at,
        refreshed_at=health.refreshed_at,
        leases=leases,
        refreshes=refreshes,
        problem=problem,
        fix=fix,
    )


def _state(slot: Slot, health: Health, now_ns: int) -> State:
    usable = health.expires_at is not None and health.expires_at > now_ns
    if slot.trouble is not None and not usable:
        return "failing"
    if health.broken is not None or (slot.needs_person and not slot.stored):
        return "login_required"
    if health.failures and not usable:
        return "failing"
    return "ready" if usable else "idle"


def _problem(slot: Slot, health: Health, state: State) -> tuple[str, str]:
    if slot.trouble is not None:
        return slot.trouble.message, slot.trouble.fix
    if health.broken is not None:
        return health.broken.message, health.broken.fix
    if state == "login_required":
        return "nobody is logged in", f"steersman auth login {slot.name}"
    if health.failures:
        return health.problem, "it is asked again by itself"
    return health.note, ""
