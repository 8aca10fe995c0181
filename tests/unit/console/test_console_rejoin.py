"""Reloading a page: a stream that starts after everybody had left never shows an older state than the page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import msgspec
from tests.builders_trading_ledger import a_mark, append

from steersman.console.live import Live
from steersman.console.pages import Fragment
from steersman.kernel.clock import FakeClock
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.trading import events as e


async def _first(stream: AsyncGenerator[bytes, None]) -> str:
    """Return the HTML of the next fragment; comments and hints are passed over."""
    async with asyncio.timeout(20):
        while not (text := await anext(stream)).startswith(b"event: fragment\n"):
            pass
    return msgspec.json.decode(text.partition(b"data: ")[2], type=Fragment).html


def test_a_stream_after_everybody_left_starts_with_the_present() -> None:
    ledger = memory_ledger(clock=FakeClock())

    def render() -> dict[str, Fragment]:
        html = f"{ledger.head().pos} events"
        return {"count": Fragment(name="count", digest=html, html=html)}

    live = Live(ledger, render, is_behind=lambda: False)

    async def reload() -> None:
        before = live.stream()
        assert await _first(before) == "0 events"
        await before.aclose()
        append(ledger, e.ACCOUNT_MARKED, a_mark(at=1))
        after = live.stream()
        assert await _first(after) == "1 events"
        await after.aclose()
        # Nothing happened in between: a page that opens now is told so all the same.
        again = live.stream()
        assert await _first(again) == "1 events"
        await again.aclose()

    try:
        asyncio.run(reload())
    finally:
        live.close()
