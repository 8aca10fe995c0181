"""What the doors on HTTP share: bodies with a limit, work beside the pages' threads, answers, and a lid on noise."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from steersman.console.token import read
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured, SteersmanError, Unavailable

T = TypeVar("T")
_WORKERS: Final = 8
_WAITING: Final = 256
_BODY_S: Final = 10.0


class Turned(Exception):
    """A request that is turned away before it is looked at, with the answer."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


class Bucket:
    """Lets `per_s` through per second, and up to `burst` at once."""

    def __init__(self, clock: Clock, *, per_s: float, burst: int) -> None:
        self._clock = clock
        self._per_s = per_s
        self._burst = float(burst)
        self._level = float(burst)
        self._at = clock.elapsed_ns()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Say whether one more may pass now."""
        with self._lock:
            now = self._clock.elapsed_ns()
            self._level = min(self._burst, self._level + (now - self._at) / 1e9 * self._per_s)
            self._at = now
            if self._level < 1:
                return False
            self._level -= 1
            return True


class Strangers:
    """Records who came without the key, but not so often that strangers fill the ledger: 30 at once, one a second.

    Those above are counted, and the next one that is recorded says how many they were.
    """

    def __init__(self, clock: Clock) -> None:
        self._bucket = Bucket(clock, per_s=1, burst=30)
        self._lock = threading.Lock()
        self._untold = 0

    def may_record(self) -> bool:
        """Say whether this one is recorded; one that is not is counted."""
        if self._bucket.take():
            return True
        with self._lock:
            self._untold += 1
        return False

    def untold(self) -> str:
        """Return in words how many were not recorded since the last one that was; empty for none."""
        with self._lock:
            count, self._untold = self._untold, 0
        return f"; {count:,} more were turned away before it without a record" if count else ""


class Workers:
    """Threads of the doors' own, so that a slow ledger does not stop the pages."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="door")
        self._waiting = 0

    async def run(self, work: Callable[[], T], *, timeout_s: float) -> T:
        """Return the result of `work`, done in a thread.

        Raises:
            Turned: too many wait already.
            Unavailable: not done within `timeout_s`; it goes on, so it may still take effect.
        """
        if self._waiting >= _WAITING:
            raise Turned(refused(429, "too many requests at once", fix="send it again later", retry_after_s=1))
        self._waiting += 1
        task = asyncio.get_running_loop().run_in_executor(self._pool, work)
        task.add_done_callback(self._done)
        done, _ = await asyncio.wait([task], timeout=timeout_s)
        if not done:
            raise Unavailable(f"not durable within {timeout_s:g} s", fix="send it again, with the same ids")
        return task.result()

    def _done(self, task: asyncio.Future[Any]) -> None:
        self._waiting -= 1
        if not task.cancelled():
            task.exception()  # looked at, though nobody may wait for it any more


async def body_of(request: Request, *, most: int) -> bytes:
    """Return the body of a request.

    Raises:
        Turned: it is larger than `most` bytes, it did not arrive in time, or the sender went away.
    """
    too_large = Turned(refused(413, f"more than {most:,} bytes", fix="send less at a time"))
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced[:20]) > most:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise too_large
    except TimeoutError as exc:
        fix = "send it faster, or less at a time"
        raise Turned(refused(408, f"the body did not arrive within {_BODY_S:g} s", fix=fix)) from exc
    except ClientDisconnect as exc:
        raise Turned(refused(400, "the body did not arrive", fix="send it again")) from exc
    return bytes(body)


def opens(path: Path, offered: str) -> bool:
    """Say whether `offered` is the secret in the file at `path`; takes equally long for every wrong one.

    Raises:
        Misconfigured: others may read the file, or what it holds is no token.
    """
    kept = read(path)
    same = hmac.compare_digest(_hashed(kept or ""), _hashed(offered))
    return same and kept is not None


def _hashed(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def answered(status: int, body: object, **headers: str) -> Response:
    """Return a JSON answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(msgspec.json.encode(body), status, named, media_type="application/json")


def refused(status: int, reason: str, *, fix: str, retry_after_s: int = 0, **headers: str) -> Response:
    """Return the answer to a request that was not taken as a whole."""
    if retry_after_s:
        headers["retry_after"] = str(retry_after_s)
    return answered(status, {"error": reason, "fix": fix}, **headers)


def failed(exc: Exception) -> Response:
    """Return the answer to a request that could not be worked on: by our fault, or because the core is away."""
    if isinstance(exc, Misconfigured):
        return refused(503, "this door is closed: its key is not safe", fix="`steersman signal hook --help`")
    if isinstance(exc, SteersmanError):
        # Not its message, which names paths of this machine: a hook is asked from outside.
        fix = "start the core (steersman up) and send it again with the same ids: nothing is done twice"
        return refused(503, "the ledger takes nothing now, or not in time", fix=fix, retry_after_s=5)
    traceback.print_exception(exc, file=sys.stderr)
    return refused(500, "this failed", fix="the terminal of `steersman up` says why; send it again with the same ids")
