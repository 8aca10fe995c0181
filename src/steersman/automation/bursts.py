"""Events that follow each other closely, taken together: which of them one start stands for. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from steersman.ledger import Event

LONGEST: Final = 20
"""Times `debounce` after which a burst that does not end is started for all the same."""


class Burst(msgspec.Struct, frozen=True, kw_only=True):
    """`count` events one start stands for, from the position `first` (recorded at `began_at`, ns) to `last`."""

    first: int
    began_at: int
    last: Event
    count: int = 1

    def is_due(self, quiet_ns: int, now_ns: int) -> bool:
        """Say whether it is over at `now_ns`: quiet for so long, or under way for twenty times as long.

        A clock that was set back to before its last event ends it too.
        """
        return not self._goes_on(now_ns, quiet_ns) or now_ns < self.last.recorded_at

    def joined(self, event: Event, quiet_ns: int) -> Burst | None:
        """Return the burst with `event` in it, None if that begins another one."""
        if not self._goes_on(event.recorded_at, quiet_ns):
            return None
        return msgspec.structs.replace(self, last=event, count=self.count + 1)

    def _goes_on(self, at_ns: int, quiet_ns: int) -> bool:
        return at_ns - self.last.recorded_at < quiet_ns and at_ns - self.began_at < LONGEST * quiet_ns


def burst_of(event: Event) -> Burst:
    """Return a burst of one."""
    return Burst(first=event.pos, began_at=event.recorded_at, last=event)
