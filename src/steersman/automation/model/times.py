"""Whether an automation may start at an instant: its window and its blackouts together."""

from __future__ import annotations

from typing import Final

from steersman.automation.model.blackout import blackout_end, blackout_reason
from steersman.automation.model.manifest import Automation, Manifest

_LOOKED_AT: Final = 366
"""Openings and ends of blackouts that are looked at: about a year of days."""


def closed_reason(manifest: Manifest, automation: Automation, at_ns: int) -> str:
    """Return why `automation` must not start at `at_ns`, empty if it may."""
    why = blackout_reason(automation.blackout, manifest.calendars, at_ns, automation.tz)
    if why:
        return why
    if automation.window is not None and not automation.window.is_open(at_ns, automation.tz):
        return f"outside its window {automation.window.text} {automation.tz}"
    return ""


def opens_again(manifest: Manifest, automation: Automation, after_ns: int) -> int | None:
    """Return the next instant (ns) after `after_ns` at which its window is open and no blackout is in force.

    None if it is more than about a year away.
    """
    at = after_ns
    for _ in range(_LOOKED_AT):
        found = _next_change(manifest, automation, at)
        if found is None:
            return None
        if not closed_reason(manifest, automation, found):
            return found
        at = found
    return None


def _next_change(manifest: Manifest, automation: Automation, at_ns: int) -> int | None:
    """Return the next instant at which it may open: the end of the blackout in force, or an opening of the window."""
    blackout = blackout_end(automation.blackout, manifest.calendars, at_ns, automation.tz)
    if blackout is not None:
        return blackout
    return automation.window.next_opening(at_ns, automation.tz) if automation.window is not None else None
