"""What Grammarly's Writing Score API says, version 2, as its developer guide shows it (November 2026)."""

from __future__ import annotations

import math
from typing import Final, Literal

import msgspec

SCOPES: Final = "scores-api:read,scores-api:write"
MIN_WORDS: Final = 30
"""Shorter documents are answered with COMPLETED and no score."""
MAX_CHARACTERS: Final = 100_000
MAX_BYTES: Final = 4_194_304
_NAMES: Final = {"general_score": "general"}


class TokenJson(msgspec.Struct, frozen=True):
    """The answer of the token endpoint."""

    access_token: str


class TransactionJson(msgspec.Struct, frozen=True):
    """The answer to POST /scores: where to put the document (within 120 s), and the name to ask for."""

    score_request_id: str
    file_upload_url: str


class ScoreJson(msgspec.Struct, frozen=True):
    """Scores, each 0..1; the fourth is called delivery in one guide and tone in the other."""

    general_score: float | None = None
    engagement: float | None = None
    correctness: float | None = None
    delivery: float | None = None
    clarity: float | None = None
    tone: float | None = None


class StatusJson(msgspec.Struct, frozen=True):
    """The answer to GET /scores/ID."""

    status: Literal["PENDING", "FAILED", "COMPLETED"]
    score: ScoreJson | None = None


def percent(score: ScoreJson) -> dict[str, float]:
    """Return the scores that are there, 0..100.

    Raises:
        ValueError: one is not between 0 and 1.
    """
    found = {}
    for field in score.__struct_fields__:
        value = getattr(score, field)
        if value is None:
            continue
        if not math.isfinite(value) or not 0 <= value <= 1:
            raise ValueError(field)
        found[_NAMES.get(field, field)] = round(value * 100, 2)
    return found
