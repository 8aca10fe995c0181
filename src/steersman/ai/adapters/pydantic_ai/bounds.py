"""How much a model's server may say: an answer is some thousand words, and a server may be anybody's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

import httpx2

if TYPE_CHECKING:
    from httpx2 import Request, Response

LARGEST_BYTES: Final = 16_000_000
LARGEST_PACKED_BYTES: Final = 65_536
"""A thousandth of what it may unpack to; nothing packed is asked for, and some pack all the same."""


async def bounded(response: Response) -> None:
    """Let the body of `response` end in an error where it grows beyond all measure."""
    is_packed = response.headers.get("content-encoding", "identity").lower() not in ("", "identity")
    if is_packed and "," in response.headers["content-encoding"]:
        raise httpx2.DecodingError("the answer is packed more than once", request=response.request)
    most = LARGEST_PACKED_BYTES if is_packed else LARGEST_BYTES
    response.stream = _Bounded(response.stream, most, response.request)


class _Bounded(httpx2.AsyncByteStream):
    """Passes on what comes, up to so many bytes."""

    def __init__(self, inner: object, most: int, request: Request) -> None:
        self._inner = inner
        self._most = most
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for part in self._inner:  # type: ignore[attr-defined]  # async, as the client is
            size += len(part)
            if size > self._most:
                raise httpx2.ReadError(f"the answer is too long ({size:,} bytes so far)", request=self._request)
            yield part

    async def aclose(self) -> None:
        await self._inner.aclose()  # type: ignore[attr-defined]  # as above
