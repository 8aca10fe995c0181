"""What policy says into the ledger."""

from __future__ import annotations

import msgspec


class PolicyActivated(msgspec.Struct, frozen=True, kw_only=True):
    """`policy.version.activated`: from here on, decisions use these values.

    Attributes:
        version: 1, 2, 3 ...; the stream version of `policy/main`.
        values: every parameter's canonical text, by full name, overrides included.
        changed: full name -> [before, after]; before is null for a new one.
    """

    version: int
    values: dict[str, str]
    changed: dict[str, tuple[str | None, str | None]]
    reason: str
    source: str


class HaltSet(msgspec.Struct, frozen=True, kw_only=True):
    """`policy.halt.set`: nothing in `scope` may be sent from here on."""

    scope: str
    reason: str


class HaltLifted(msgspec.Struct, frozen=True, kw_only=True):
    """`policy.halt.lifted`: a person re-armed `scope`."""

    scope: str
    reason: str


class EditRefused(msgspec.Struct, frozen=True, kw_only=True):
    """`policy.edit.refused`: the file was changed to something that cannot be; what was in force stays in force."""

    source: str
    digest: str
    problem: str
    fix: str
    at: int


ACTIVATED = "policy.version.activated"
EDIT_REFUSED = "policy.edit.refused"
HALT_SET = "policy.halt.set"
HALT_LIFTED = "policy.halt.lifted"
POLICY_STREAM = "policy/main"
HALT_STREAM = "policy/halts"
