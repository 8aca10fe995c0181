"""What stands still right now, and why: runs that wait for tokens, automations that wait for a login or are overdue."""

from __future__ import annotations

from pathlib import Path

import msgspec

from steersman.automation.admission.logins import login_required
from steersman.automation.admission.tokens import Claim, Tokens
from steersman.automation.model.manifest import Manifest
from steersman.automation.overdue import overdue, words
from steersman.ledger import Ledger


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """An automation (or a run of it) that does not get on. `next` is what to do about it, if anything."""

    automation: str
    run_id: str
    why: str
    next: str = ""


def standing(manifest: Manifest, ledger: Ledger, state: Path) -> list[Standing]:
    """Return what stands still; approvals are in the inbox and not repeated here.

    Args:
        state: the workspace's `.steersman`.
    """
    claims = Tokens(state / "runs").claims()
    found = [_token(manifest, claims, claim) for claim in claims if not claim.held]
    for automation in manifest:
        why = login_required(ledger, automation.credentials)
        if why:
            text, _, command = why.partition(": ")
            found.append(Standing(automation=automation.name, run_id="", why=text, next=command))
    for name, late in overdue(manifest, ledger).items():
        do = f"steersman auto show {name}"
        found.append(Standing(automation=name, run_id="", why=f"overdue: {words(late)}", next=do))
    return found


def _token(manifest: Manifest, claims: list[Claim], claim: Claim) -> Standing:
    full = []
    for name, amount in claim.wanted.items():
        holders = [c for c in claims if c.held and name in c.wanted]
        if sum(c.wanted[name] for c in holders) + amount > manifest.resources.get(name, 0):
            full.append(f"{name} ({', '.join(c.run_id for c in holders)})")
    why = f"waits for {' and '.join(full)}" if full else "waits for those that came first"
    return Standing(automation=claim.automation, run_id=claim.run_id, why=why)
