"""What a script says about its own outcome: the last line `::result {json}`."""

from __future__ import annotations

import msgspec

PREFIX = b"::result "
MAX_BYTES = 32_768
LOOK_BACK_BYTES = 65_536
"""The line must be within this much of the end of the output."""


def parse_result(tail: bytes) -> tuple[dict[str, object] | None, str]:
    """Return the object of the last `::result` line in `tail` and, if there is one that cannot be read, why."""
    lines = [line for line in tail.splitlines() if line.startswith(PREFIX)]
    if not lines:
        return None, ""
    raw = lines[-1][len(PREFIX) :].strip()
    if len(raw) > MAX_BYTES:
        return None, f"the ::result line has {len(raw):,} bytes, allowed: {MAX_BYTES:,}"
    try:
        return msgspec.json.decode(raw, type=dict[str, object]), ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        return None, f"the ::result line is not a JSON object: {exc}"
