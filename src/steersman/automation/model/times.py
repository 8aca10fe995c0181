"""Whether an automation may start at an instant: its window and its blackouts together."""

from __future__ import annotations

from typing import Final

from steersman.automation.model.blackout import blackout_reason
from steersman.automation.model.manifest import Automation, Manifest

_HOUR_NS: Final = 3_600_000_000_000
_LOOKED_AT: Final = 24 * 366


def closed_reason(manifest: Manifest, automation: Automation, at_ns: int) -> str:
    """Return why `automation` must not start at `at_ns`, empty if it may."""
    why = blackout_reason(automation.blackout, manifest.calendars, at_ns, automation.tz)
    if why:
        return why
    if automation.window is not None and not automation.window.is_open(at_ns, automation.tz):
        return f"outside its window {automation.window.text} {automation.tz}"
    return ""


def opens_again(manifest: Manifest, automation: Automation, after_ns: int) -> int | None:
    """Return the next instant (ns) after `after_ns` at which the window opens on a day without blackout.

    Without a window the end of a blackout is found to the hour. None if it is more than about a year away.
    """
    at = after_ns
    for _ in range(_LOOKED_AT):
        found = automation.window.next_opening(at, automation.tz) if automation.window else at + _HOUR_NS
        if found is None:
            return None
        if not closed_reason(manifest, automation, found):
            return found
        at = found
    return None
