"""Logins at rest: AES-256-GCM, bound to the provider they belong to and to the form of the file (NIST SP 800-38D).

A sealed file is one line of JSON (form, key id, nonce) and the ciphertext. The line and the provider's name are the
associated data: a file that was changed, cut or renamed to another provider does not open.
"""

from __future__ import annotations

import secrets
from typing import Final

import msgspec

from steersman.kernel.errors import Corrupt, Misconfigured
from steersman.services.credentials.keys import Ring
from steersman.services.credentials.provider import Login

FORM: Final = 1
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_LARGEST_BYTES: Final = 1 << 20


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be read without the key."""

    form: int
    key: str
    nonce: str


def seal(login: Login, name: str, ring: Ring) -> bytes:
    """Return the sealed form of a login, under the ring's current key and a nonce never used before."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # start-up time: checking settings needs no cipher

    nonce = secrets.token_bytes(_NONCE_BYTES)
    header = msgspec.json.encode(Header(form=FORM, key=ring.current.id, nonce=nonce.hex()))
    body = AESGCM(ring.current.raw).encrypt(nonce, msgspec.json.encode(login), _bound(header, name))
    return header + b"\n" + body


def unseal(raw: bytes, name: str, ring: Ring, *, place: str) -> Login:
    """Return the login in `raw`.

    Raises:
        Corrupt: cut, changed, or another provider's.
        Misconfigured: sealed with a key that is not in the ring.
    """
    from cryptography.exceptions import InvalidTag  # as above
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # as above

    header = read_header(raw, name, place=place)
    key = ring.find(header.key)
    if key is None:
        raise Misconfigured(
            f"the login of {name} is sealed with the key {header.key}, which is not at hand ({place})",
            fix=f"bring that key back where `steersman doctor` says keys are, or `steersman auth login {name}` again",
        )
    line, _, body = raw.partition(b"\n")
    try:
        plain = AESGCM(key.raw).decrypt(bytes.fromhex(header.nonce), body, _bound(line, name))
        return msgspec.json.decode(plain, type=Login)
    except (InvalidTag, msgspec.DecodeError, ValueError):
        raise _damaged(name, place, "it does not open with its key: cut, changed, or another login's") from None


def read_header(raw: bytes, name: str, *, place: str) -> Header:
    """Return what a sealed file says about itself.

    Raises:
        Corrupt: it is no sealed file.
    """
    line, separator, body = raw[:_LARGEST_BYTES].partition(b"\n")
    try:
        header = msgspec.json.decode(line, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _damaged(name, place, "its first line is damaged") from None
    if header.form != FORM or len(header.nonce) != 2 * _NONCE_BYTES or not separator or len(body) < _TAG_BYTES:
        raise _damaged(name, place, "it is cut short, or of another version")
    return header


def _damaged(name: str, place: str, what: str) -> Corrupt:
    return Corrupt(f"the stored login of {name} is damaged ({place}): {what}", fix=f"steersman auth login {name}")


def _bound(header: bytes, name: str) -> bytes:
    return b"steersman login\0" + name.encode() + b"\0" + header
