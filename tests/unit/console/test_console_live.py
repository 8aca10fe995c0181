"""Live updates: what a stream sends first, what it sends after, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
from tests.builders_trading_ledger import a_mark, append

from steersman.console.live import Live
from steersman.console.pages import Fragment
from steersman.kernel.clock import FakeClock
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.trading import events as e


class _Page:
    """A page of two parts: one counts the events, one stays."""

    def __init__(self) -> None:
        self.ledger = memory_ledger(clock=FakeClock())
        self.behind = 0
        self.fail = 0
        self.live = Live(self.ledger, self.render, is_behind=self.is_behind)

    def render(self) -> dict[str, Fragment]:
        if self.fail:
            self.fail -= 1
            raise RuntimeError("rendering failed, as this test wants")
        return {name: Fragment(name=name, digest=html, html=html) for name, html in self._parts()}

    def _parts(self) -> list[tuple[str, str]]:
        return [("count", f"{self.ledger.head().pos} events, {self.behind} behind"), ("still", "same")]

    def is_behind(self) -> bool:
        self.behind = max(0, self.behind - 1)
        return self.behind > 0

    def add(self) -> None:
        append(self.ledger, e.ACCOUNT_MARKED, a_mark(at=1))


async def _next(stream: AsyncIterator[bytes], wanted: int = 1) -> list[Fragment]:
    """Return the next `wanted` fragments; comments and hints are passed over."""
    found: list[Fragment] = []
    async with asyncio.timeout(20):
        while len(found) < wanted:
            text = await anext(stream)
            if text.startswith(b"event: fragment\n"):
                found.append(msgspec.json.decode(text.partition(b"data: ")[2], type=Fragment))
    return found


def test_a_stream_starts_with_everything_and_goes_on_with_what_changed() -> None:
    async def follow() -> None:
        page = _Page()
        stream = page.live.stream()
        assert [f.html for f in await _next(stream, 2)] == ["0 events, 0 behind", "same"]
        page.add()
        assert [f.name for f in await _next(stream)] == ["count"]
        page.live.close()
        assert [part async for part in stream] == []

    asyncio.run(follow())


def test_a_stream_of_some_parts_sends_no_others() -> None:
    async def follow() -> None:
        page = _Page()
        stream = page.live.stream({"still"})
        assert [f.name for f in await _next(stream)] == ["still"]
        page.add()
        page.live.close()
        assert [part async for part in stream if part.startswith(b"event")] == []

    asyncio.run(follow())


def test_a_burst_of_events_ends_with_the_latest_state() -> None:
    async def follow() -> None:
        page = _Page()
        stream = page.live.stream()
        await _next(stream, 2)
        for _ in range(50):
            page.add()
        updates = 0
        while (await _next(stream))[0].html != "50 events, 0 behind":
            updates += 1
            assert updates < 10
        page.live.close()
        await stream.aclose()

    asyncio.run(follow())


def test_what_was_left_out_is_shown_later_without_another_event() -> None:
    async def follow() -> None:
        page = _Page()
        page.behind = 2
        stream = page.live.stream()
        assert (await _next(stream, 2))[0].html == "0 events, 2 behind"
        assert (await _next(stream))[0].html == "0 events, 1 behind"
        page.live.close()
        await stream.aclose()

    asyncio.run(follow())


def test_a_page_that_fails_once_is_tried_again() -> None:
    async def follow() -> None:
        page = _Page()
        page.fail = 1
        stream = page.live.stream()
        assert len(await _next(stream, 2)) == 2
        page.live.close()
        await stream.aclose()

    asyncio.run(follow())
