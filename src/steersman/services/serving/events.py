"""What the services say about those who ask, beside what logins and pulls say. Stream: `services/clients`."""

from __future__ import annotations

from typing import Final

import msgspec

STREAM: Final = "services/clients"
CLIENT_REFUSED: Final = "services.client.refused"
REQUEST_FAILED: Final = "services.request.failed"


class ClientRefused(msgspec.Struct, frozen=True, kw_only=True):
    """A process of another user knocked; it was told nothing. `times` since the last such event."""

    uid: int
    pid: int
    times: int
    at: int


class RequestFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A request met a fault of ours: its traceback is in the log of process `pid`. Nothing of the request is here."""

    op: str
    error: str
    who: str
    pid: int
    at: int
