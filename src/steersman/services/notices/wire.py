"""A message as JSON, for webhooks and commands: version 1."""

from __future__ import annotations

import msgspec

from steersman.kernel.clock import iso
from steersman.services.notices.model import Message, text


def wire(message: Message, *, desk: str) -> bytes:
    """Return the message as one JSON object; `id` is the same if it comes a second time."""
    return msgspec.json.encode(
        {
            "version": 1,
            "id": message.id,
            "desk": desk,
            "kind": message.kind,
            "severity": message.severity,
            "keys": message.keys,
            "title": message.first,
            "why": message.why,
            "do": message.do,
            "link": message.link,
            "lines": message.lines,
            "covers": message.covers,
            "at": iso(message.at),
            "text": "\n".join(part for part in (message.first, text(message)) if part),
        }
    )
