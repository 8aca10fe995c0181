"""Bytes of FIX: messages written, and read back only if length and checksum agree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec

from steersman.kernel.clock import utc

Fields = Sequence[tuple[int, str]]

_HEADER: Final = re.compile(rb"8=FIX[^\x01]{1,12}\x019=(\d{1,7})\x01")
_TRAILER: Final = re.compile(rb"10=(\d{3})\x01")
_NEXT: Final = re.compile(rb"\x0110=\d{3}\x01(?=8=FIX)")
_START: Final = b"8=FIX"
_LONGEST_HEADER: Final = 32
_LONGEST_BODY: Final = 1 << 20


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message as it came: its fields in their order, header and trailer included.

    Attributes:
        defect: what could not be read of it although its checksum is right; "" if all could.
        raw: the bytes.
    """

    type: str
    fields: tuple[tuple[int, str], ...]
    raw: bytes
    defect: str = ""

    def get(self, tag: int) -> str | None:
        """Return the first value of `tag`."""
        return next((value for found, value in self.fields if found == tag), None)

    def number(self, tag: int) -> int | None:
        """Return a whole number >= 0, or None if there is none."""
        value = self.get(tag)
        return int(value) if value is not None and value.isascii() and value.isdigit() and len(value) < 19 else None

    def decimal(self, tag: int) -> Decimal | None:
        """Return a finite number, or None if the field is absent.

        Raises:
            ValueError: there is something else in it.
        """
        value = self.get(tag)
        if value is None:
            return None
        try:
            found = Decimal(value)
        except InvalidOperation as exc:
            raise ValueError(f"tag {tag} is {value!r}, not a number") from exc
        if not found.is_finite() or len(value) > 40 or not -20 < found.adjusted() < 20:
            raise ValueError(f"tag {tag} is {value!r}, not a number of sensible size")
        return found

    def shown(self) -> str:
        """Return it for a person, fields divided by |, cut to 200 characters."""
        return readable(self.raw.decode("utf-8", "replace").replace("\x01", "|"))


def readable(text: str) -> str:
    """Return `text` on one line, without control characters, cut to 200 characters."""
    return "".join(c if c.isprintable() else "?" for c in text)[:200]


def stamp(at_ns: int) -> str:
    """Return a UTCTimestamp with milliseconds."""
    return utc(at_ns).strftime("%Y%m%d-%H:%M:%S.%f")[:-3]


def read_stamp(text: str | None) -> int | None:
    """Return ns since 1970 of a UTCTimestamp (fractions up to ns), or None if it is none."""
    if text is None or not text.isascii():
        return None
    whole, _, fraction = text.partition(".")
    try:
        at = datetime.strptime(whole + "+0000", "%Y%m%d-%H:%M:%S%z")
    except ValueError:
        return None
    digits = fraction[:9].ljust(9, "0")
    return int(at.timestamp()) * 1_000_000_000 + int(digits) if digits.isdigit() else None


def encode(begin: str, type_: str, header: Fields, body: Fields) -> bytes:
    """Return the bytes of a message; length and checksum are added."""
    # Optional: only a desk with a FIX venue has it.
    import simplefix  # type: ignore[import-untyped]

    message = simplefix.FixMessage()
    message.append_pair(8, begin)
    message.append_pair(35, type_)
    for tag, value in (*header, *body):
        message.append_pair(tag, value)
    encoded: bytes = message.encode()
    return encoded


def decode(frame: bytes) -> Message:
    """Return the message of one whole frame whose checksum was found right."""
    # Optional: only a desk with a FIX venue has it.
    import simplefix

    parser = simplefix.FixParser(allow_empty_values=True)
    parser.append_buffer(frame)
    try:
        parsed = parser.get_message()
        if parsed is None or parser.get_buffer():
            raise ValueError("fields do not end where the message does")
        pairs = [(int(tag), value.decode("utf-8", "replace")) for tag, value in parsed.pairs]
        defect = ""
    except (simplefix.errors.ParsingError, ValueError) as exc:
        pairs = list(_rescued(frame))
        defect = readable(str(exc)) or type(exc).__name__
    type_ = next((value for tag, value in pairs if tag == 35), "")
    return Message(type=type_, fields=tuple(pairs), raw=frame, defect=defect)


def _rescued(frame: bytes) -> Iterable[tuple[int, str]]:
    """Return what can be read of a message that is not well-formed: enough to count it and to show it."""
    for piece in frame.split(b"\x01"):
        tag, equals, value = piece.partition(b"=")
        if equals and tag.isdigit() and len(tag) < 10:
            yield int(tag), value.decode("utf-8", "replace")


class Framer:
    """Cuts a stream of bytes into messages. What is garbled is counted and left out, as FIX asks: the gap shows it."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.garbled = 0

    def feed(self, data: bytes) -> list[Message]:
        """Take in bytes and return the messages that are complete now."""
        self._buffer += data
        found = []
        while self._seek():
            end = self._end()
            if end is None:
                break
            if end:
                found.append(decode(bytes(self._buffer[:end])))
                del self._buffer[:end]
            else:
                self.garbled += 1
                del self._buffer[: len(_START)]
        return found

    def _seek(self) -> bool:
        """Drop what precedes the next beginning of a message; False: there is none yet."""
        start = self._buffer.find(_START)
        if start < 0:
            # The last bytes may be the first ones of a beginning.
            keep = next((n for n in range(len(_START) - 1, 0, -1) if self._buffer.endswith(_START[:n])), 0)
            self.garbled += len(self._buffer) > keep
            del self._buffer[: len(self._buffer) - keep]
            return False
        self.garbled += start > 0
        del self._buffer[:start]
        return True

    def _end(self) -> int | None:
        """Return where the message at the beginning of the buffer ends; 0: it is garbled; None: not all there yet."""
        header = _HEADER.match(self._buffer)
        if header is None:
            return 0 if len(self._buffer) >= _LONGEST_HEADER or self._followed() else None
        body = header.end() + int(header[1])
        if int(header[1]) > _LONGEST_BODY:
            return 0
        if len(self._buffer) < body + 7:
            # A wrong length would swallow whole messages while we wait for its end.
            return 0 if self._followed() else None
        trailer = _TRAILER.match(self._buffer, body)
        right = trailer is not None and sum(self._buffer[:body]) % 256 == int(trailer[1])
        return body + 7 if right else 0

    def _followed(self) -> bool:
        return _NEXT.search(self._buffer) is not None
