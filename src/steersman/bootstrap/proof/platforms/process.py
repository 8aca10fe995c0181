"""A platform as a process of its own, for as long as it is needed."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from steersman.bootstrap.proof.platforms.server import HOST, Fault
from steersman.kernel.errors import Unavailable

_END_S = 10


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A platform that answers at `url` (no slash at its end)."""

    name: str
    url: str
    pid: int

    def add(self, *faults: Fault) -> None:
        """Let these go wrong next."""
        self._tell("faults", msgspec.json.encode(faults))

    def calm(self) -> None:
        """Let nothing go wrong any more."""
        self._tell("calm", b"")

    def forget(self) -> None:
        """Let it forget its idempotency keys, as all do after a while."""
        self._tell("forget", b"")

    def requests(self) -> list[tuple[str, str]]:
        """Return (method, path) of every request so far."""
        with urllib.request.urlopen(f"{self.url}/-/requests", timeout=_END_S) as answer:  # noqa: S310 - as below
            return msgspec.json.decode(answer.read(), type=list[tuple[str, str]])

    def _tell(self, what: str, body: bytes) -> None:
        request = urllib.request.Request(  # noqa: S310 - our own server on 127.0.0.1
            f"{self.url}/-/{what}", data=body, method="POST"
        )
        urllib.request.urlopen(request, timeout=_END_S).close()  # noqa: S310 - as above


@contextmanager
def running(name: str, state: Path, faults: Iterable[Fault] = ()) -> Iterator[Running]:
    """Start the platform `name` on `state`, and end it.

    Raises:
        Unavailable: it did not start.
    """
    command = [sys.executable, "-m", f"steersman.bootstrap.proof.platforms.{name}", "--state", str(state)]
    text = msgspec.json.encode(list(faults)).decode()
    with subprocess.Popen([*command, "--faults", text], stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout is not None else ""
            if not line.startswith("ready "):
                raise Unavailable(f"the platform {name} did not start", fix="its error is printed above")
            yield Running(name=name, url=f"http://{HOST}:{int(line.split()[1])}", pid=process.pid)
        finally:
            process.terminate()
            process.wait(timeout=_END_S)
