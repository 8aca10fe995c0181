"""What models were asked and what that cost. Stream `ai/<model>`; never a word of a prompt, a draft or an answer."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

CALL_MADE: Final = "ai.call.made"
CALL_FAILED: Final = "ai.call.failed"


class CallMade(msgspec.Struct, frozen=True, kw_only=True):
    """A model answered. Answers from the cache cost nothing and are not told.

    Attributes:
        model: the name in steersman.toml; `provider_model` is the provider's.
        prompt: name of the instructions; `prompt_version` is 12 hex digits of their SHA-256.
        input_sha256: of the redacted text that was sent.
        cost: in `currency`; `is_assumed` where the provider did not count, and the most it can have been is taken.
        outcome: `answered`, or `invalid` (it is paid for, and was not what was asked for).
    """

    call_id: str
    model: str
    provider_model: str
    prompt: str
    prompt_version: str
    input_sha256: str
    input_tokens: int
    output_tokens: int
    cost: Decimal
    currency: str
    is_assumed: bool
    outcome: str
    took_ms: float
    at: int


class CallFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A model gave no answer. `cost` is what stays counted: all that was reserved where it may have been charged."""

    call_id: str
    model: str
    provider_model: str
    prompt: str
    prompt_version: str
    input_sha256: str
    cost: Decimal
    currency: str
    outcome: str
    reason: str
    at: int
