"""What a model is asked and what it says; an adapter is a folder and one entry point of `steersman.models`."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import msgspec

Finish = Literal["stop", "length", "filter", "other"]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One request. There is no place for a tool in it: a model can say something, and do nothing.

    Attributes:
        instructions: what to do; ours or the operator's.
        text: what to do it with: data, delimited and redacted.
        schema: JSON Schema of the answer; `schema_name` is a word for it.
        max_output_tokens: the model is cut off there; what the price of a call is bounded by.
    """

    instructions: str
    text: str
    schema: dict[str, Any]
    schema_name: str
    max_output_tokens: int


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back, not yet looked at.

    Attributes:
        text: as the model wrote it; whoever asked decodes and checks it.
        input_tokens, output_tokens: as the provider counted; both 0 where it did not say.
        finish: `length` means it was cut off, `filter` that the provider withheld it.
    """

    text: str
    input_tokens: int
    output_tokens: int
    finish: Finish = "stop"


class Model(Protocol):
    """Something that answers in JSON. Every adapter must pass tests/contracts/test_model.py."""

    def answer(self, question: Question) -> Answer:
        """Ask once. No retry of its own: whatever may have been charged is never sent again unnoticed.

        Raises:
            OutcomeUnknown: it was sent and may be charged, and no answer came.
            Unavailable: it cannot be asked now, and nothing was charged (`retry_after_s` where it said when).
            Rejected: it will not take this question; nothing was charged.
            Misconfigured: it will take none before the operator changes something.
        """
        ...
