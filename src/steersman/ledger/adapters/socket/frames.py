"""What travels over the socket: length-prefixed msgpack, a request number on everything that has an answer."""

from __future__ import annotations

from typing import Final

import msgspec

from steersman.kernel.errors import Conflict, Rejected, SteersmanError, Unavailable
from steersman.ledger.event import NewEvent
from steersman.ledger.ports import Appended

MAX_FRAME_BYTES: Final = 64 << 20
_LENGTH: Final = 4


class Append(msgspec.Struct, frozen=True, array_like=True, tag="a"):
    """Client: make these durable."""

    number: int
    expect: int
    events: list[NewEvent]


class Follow(msgspec.Struct, frozen=True, array_like=True, tag="f"):
    """Client: tell me the head after every commit from now on."""


class Done(msgspec.Struct, frozen=True, array_like=True, tag="d"):
    """Server: they stand at these positions."""

    number: int
    positions: tuple[int, ...]
    repeated: int


class Failed(msgspec.Struct, frozen=True, array_like=True, tag="x"):
    """Server: not appended; number 0 means the connection itself is refused."""

    number: int
    family: str
    message: str
    fix: str


class Moved(msgspec.Struct, frozen=True, array_like=True, tag="h"):
    """Server: the durable head."""

    pos: int


Request = Append | Follow
Reply = Done | Failed | Moved

_encode = msgspec.msgpack.Encoder(uuid_format="bytes").encode
decode_request = msgspec.msgpack.Decoder(Request).decode
decode_reply = msgspec.msgpack.Decoder(Reply).decode
_FAMILIES: Final[dict[str, type[SteersmanError]]] = {f.__name__: f for f in (Conflict, Rejected, Unavailable)}


def frame(message: Request | Reply) -> bytes:
    """Return `message` ready to send."""
    body = _encode(message)
    return len(body).to_bytes(_LENGTH) + body


def done(number: int, appended: Appended) -> Done:
    return Done(number, appended.positions, appended.repeated)


def failed(number: int, error: BaseException) -> Failed:
    """Return the reply that carries `error`; a bug on the server leaves as Unavailable, its traceback stays there."""
    if isinstance(error, SteersmanError):
        family = next((n for n, f in _FAMILIES.items() if isinstance(error, f)), "Unavailable")
        return Failed(number, family, error.message, error.fix)
    return Failed(number, "Unavailable", f"the core failed: {error!r}", "see the core's log, then append again")


def error_of(reply: Failed) -> SteersmanError:
    """Return the error the server meant."""
    return _FAMILIES.get(reply.family, Unavailable)(reply.message, fix=reply.fix)


class Splitter:
    """Cuts a byte stream into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take in `chunk`; return the frames that are complete now.

        Raises:
            ValueError: a frame announces more than MAX_FRAME_BYTES: the other side does not speak this protocol.
        """
        buffer = self._buffer
        buffer += chunk
        frames: list[bytes] = []
        start = 0
        while len(buffer) - start >= _LENGTH:
            size = int.from_bytes(buffer[start : start + _LENGTH])
            if size > MAX_FRAME_BYTES:
                raise ValueError(f"a frame of {size} bytes")
            end = start + _LENGTH + size
            if len(buffer) < end:
                break
            frames.append(bytes(buffer[start + _LENGTH : end]))
            start = end
        if start:
            del buffer[:start]
        return frames
