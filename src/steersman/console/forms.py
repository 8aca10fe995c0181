"""Plain HTML forms: their fields, and the proof that they come from a page of this session."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import parse_qsl

from fastapi import Depends, Request

MAX_BODY: Final = 16_384
FIELD: Final = "csrf"
TYPE: Final = "application/x-www-form-urlencoded"


def parsed(body: bytes) -> dict[str, str]:
    """Return the fields of a form; of one that comes twice, the last."""
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


async def _fields(request: Request) -> dict[str, str]:
    # The gatekeeper has read it, found it short enough, and hands it on.
    return parsed(await request.body())


Fields = Annotated[dict[str, str], Depends(_fields)]
