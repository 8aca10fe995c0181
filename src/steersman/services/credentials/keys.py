"""The keys that seal logins: a ring, newest first, so that old seals open while new ones are made."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Final

from steersman.kernel.errors import Misconfigured

KEY_BYTES: Final = 32


class Key:
    """256 bits and a name that reveals nothing about them."""

    __slots__ = ("id", "raw")

    def __init__(self, raw: bytes) -> None:
        if len(raw) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(raw)}")
        self.raw = raw
        self.id = hmac.new(raw, b"steersman key id", hashlib.sha256).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"Key({self.id})"

    def name(self, what: str, *values: str) -> str:
        """Return a name (32 hex digits) for `values`; without the key nobody can tell whether a guess is right."""
        digest = hmac.new(self.raw, what.encode() + b"\0", hashlib.sha256)
        for value in values:
            raw = value.encode()
            digest.update(len(raw).to_bytes(8))
            digest.update(raw)
        return digest.hexdigest()[:32]


class Ring:
    """One or more keys; the first seals."""

    __slots__ = ("keys",)

    def __init__(self, keys: tuple[Key, ...]) -> None:
        if not keys:
            raise ValueError("a ring has at least one key")
        self.keys = keys

    def __repr__(self) -> str:
        return f"Ring({', '.join(key.id for key in self.keys)})"

    @property
    def current(self) -> Key:
        return self.keys[0]

    def find(self, key_id: str) -> Key | None:
        """Return the key of that name, if it is in the ring."""
        return next((key for key in self.keys if key.id == key_id), None)

    def encode(self) -> str:
        """Return the ring as text: base64, one key a line."""
        return "".join(base64.b64encode(key.raw).decode() + "\n" for key in self.keys)


def new_ring(old: Ring | None = None) -> Ring:
    """Return a ring with a new key in front of the old ones."""
    return Ring((Key(secrets.token_bytes(KEY_BYTES)), *(old.keys if old else ())))


def decode(text: str, *, place: str, fix: str) -> Ring:
    """Return the ring that `text` holds: base64 of 32 bytes each, parted by commas or line ends.

    Raises:
        Misconfigured: something else; nothing of it is quoted.
    """
    found = []
    for number, part in enumerate((p for p in text.replace(",", "\n").split("\n") if p.strip()), start=1):
        try:
            found.append(Key(base64.b64decode(part.strip(), validate=True)))
        except (binascii.Error, ValueError):
            raise Misconfigured(f"{place}: key {number} is not base64 of {KEY_BYTES} bytes", fix=fix) from None
    if not found:
        raise Misconfigured(f"{place}: there is no key in it", fix=fix)
    return Ring(tuple(found))
