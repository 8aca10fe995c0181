"""What scripts and the services say to each other: one line of JSON for a question, one for its answer."""

from __future__ import annotations

from typing import Final

import msgspec

from steersman.kernel.errors import (
    Conflict,
    Corrupt,
    Misconfigured,
    OutcomeUnknown,
    Rejected,
    SteersmanError,
    Unavailable,
)

LARGEST_REQUEST: Final = 65_536
LARGEST_EVENT: Final = 16_384
EVENT_TYPE: Final = r"script(\.[a-z][a-z0-9_]{0,39}){2}"
FAMILIES: Final[dict[str, type[SteersmanError]]] = {
    family.__name__: family
    for family in (Rejected, Unavailable, OutcomeUnknown, Conflict, Misconfigured, Corrupt, SteersmanError)
}


class _Question(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", forbid_unknown_fields=True):
    """Nobody says here who he is: that is looked up (peer.py)."""


class AskToken(_Question, frozen=True, kw_only=True, tag="token"):
    """Lease `provider`; `refused` is the id of a lease that the provider's API just refused."""

    provider: str
    refused: str = ""


class AskPull(_Question, frozen=True, kw_only=True, tag="pull"):
    """Give the data of a declared pull or of an address, at most `max_age_s` seconds old."""

    what: str
    params: dict[str, str] = {}
    max_age_s: float | None = None


class AskEmit(_Question, frozen=True, kw_only=True, tag="emit"):
    """Append an event of a script's own. The same `nonce` again writes nothing."""

    type: str
    data: dict[str, object] = {}
    nonce: str


class AskStatus(_Question, frozen=True, kw_only=True, tag="status"):
    """Tell how every login and pull is."""


class AskPing(_Question, frozen=True, kw_only=True, tag="ping"):
    """Tell who serves."""


Question = AskToken | AskPull | AskEmit | AskStatus | AskPing
_DECODER: Final[msgspec.json.Decoder[Question]] = msgspec.json.Decoder(Question)
_encode = msgspec.json.Encoder().encode


def question(line: bytes) -> Question:
    """Return what a line asks.

    Raises:
        Rejected: it is too long, or no question.
    """
    if len(line) > LARGEST_REQUEST:
        raise Rejected(f"the request has {len(line):,} bytes, allowed: {LARGEST_REQUEST:,}", fix="ask for less at once")
    try:
        return _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise Rejected(
            f"the request means nothing here: {exc}",
            fix="ask through steersman.client or `steersman token|pull`, of the version the desk runs",
        ) from exc


def answered(value: object) -> bytes:
    """Return the line that carries `value`."""
    return _encode({"value": value}) + b"\n"


def refused(error: SteersmanError) -> bytes:
    """Return the line that carries a refusal, with its family and its fix."""
    family = next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in FAMILIES)
    return _encode({"error": family, "message": error.message, "fix": error.fix}) + b"\n"


def error_of(kind: str, message: str, fix: str) -> SteersmanError:
    """Return the error that a refusal was made from."""
    return FAMILIES.get(kind, SteersmanError)(message, fix=fix)
