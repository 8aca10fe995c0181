"""What stands still right now, and why: runs that wait for tokens, automations that wait for a login or are overdue."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from steersman.automation.admission.logins import login_required
from steersman.automation.admission.tokens import Claim, Tokens
from steersman.automation.model.across import Holder
from steersman.automation.model.manifest import Manifest
from steersman.automation.overdue import overdue, words
from steersman.kernel.errors import SteersmanError
from steersman.ledger import Ledger


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """An automation (or a run of it) that does not get on. `next` is what to do about it, if anything."""

    automation: str
    run_id: str
    why: str
    next: str = ""


def standing(manifest: Manifest, ledger: Ledger, state: Path, *, tz: str = "UTC") -> list[Standing]:
    """Return what stands still; approvals are in the inbox and not repeated here.

    Args:
        state: the workspace's `.steersman`.
        tz: on whose clocks times are told.
    """
    claims = Tokens(state / "runs").claims()
    waiting = [claim for claim in claims if not claim.held]
    holders, trouble = _across(manifest) if any(claim.across for claim in waiting) else ([], "")
    found = [_token(manifest, claims, claim, holders, trouble) for claim in waiting]
    for automation in manifest:
        why = login_required(ledger, automation.credentials)
        if why:
            text, _, command = why.partition(": ")
            found.append(Standing(automation=automation.name, run_id="", why=text, next=command))
    for name, late in overdue(manifest, ledger).items():
        do = f"steersman auto show {name}"
        found.append(Standing(automation=name, run_id="", why=f"overdue: {words(late, tz)}", next=do))
    return found


def _across(manifest: Manifest) -> tuple[list[Holder], str]:
    """Return who holds what on all machines, and why nobody can say."""
    if manifest.across is None:
        return [], ""
    try:
        return manifest.across.holders(), ""
    except SteersmanError as exc:
        return [], exc.message


def _token(
    manifest: Manifest, claims: Sequence[Claim], claim: Claim, holders: Sequence[Holder], trouble: str
) -> Standing:
    full = []
    for name, amount in claim.wanted.items():
        here = [c for c in claims if c.held and name in c.wanted]
        if sum(c.wanted[name] for c in here) + amount > manifest.resources.get(name, 0):
            full.append(f"{name} ({', '.join(c.run_id for c in here)})")
    for name, amount in claim.across.items():
        there = [h for h in holders if h.held and name in h.wanted]
        if trouble:
            full.append(f"{name} ({trouble})")
        elif sum(h.wanted[name] for h in there) + amount > manifest.resources.get(name, 0):
            full.append(f"{name} ({', '.join(f'{h.run_id} on {h.machine}' for h in there)})")
    why = f"waits for {' and '.join(full)}" if full else "waits for those that came first"
    return Standing(automation=claim.automation, run_id=claim.run_id, why=why)
