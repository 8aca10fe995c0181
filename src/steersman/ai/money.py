"""What tokens cost: whole numbers of 1e-12 of the currency, so that sums are exact and the database can add them."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import Final

import msgspec

PICO: Final = 10**12
_MILLION: Final = 1_000_000
_TOKENS_OF_FORM: Final = 300
_BYTES_PER_TOKEN: Final = 4


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """Per million tokens, in the currency of `[ai]`. A model on this machine costs nothing."""

    input: Decimal = Decimal(0)
    output: Decimal = Decimal(0)

    def cost(self, input_tokens: int, output_tokens: int) -> int:
        """Return the price of a call in 1e-12 of the currency, rounded up."""
        exact = (self.input * input_tokens + self.output * output_tokens) * (PICO // _MILLION)
        return int(exact.to_integral_value(ROUND_CEILING))


def most_tokens(*texts: str) -> int:
    """Return a bound on the input tokens: no token of a byte-level vocabulary is shorter than one byte.

    The bound holds for byte-pair vocabularies and those with byte fall-back (OpenAI, Anthropic, Google, Llama, Qwen,
    Mistral); the frame around messages is counted with 300.
    """
    return sum(len(text.encode("utf-8", "replace")) for text in texts) + _TOKENS_OF_FORM


def likely_tokens(*texts: str) -> int:
    """Return a guess at the input tokens: four bytes each, as English prose has it."""
    return sum(len(text.encode("utf-8", "replace")) for text in texts) // _BYTES_PER_TOKEN + _TOKENS_OF_FORM // 4


def amount(pico: int) -> Decimal:
    """Return `pico` in the currency itself."""
    return Decimal(pico) / PICO


def pico(value: Decimal) -> int:
    """Return an amount of the currency in 1e-12 of it, rounded up."""
    return int((value * PICO).to_integral_value(ROUND_CEILING))


def shown(value: Decimal) -> str:
    """Return an amount as people read it: cents, or as many digits as a small one needs."""
    if value == 0:
        return "0"
    digits = 2 if value >= 1 else 4 if value >= Decimal("0.001") else 6
    return f"{value:.{digits}f}"
