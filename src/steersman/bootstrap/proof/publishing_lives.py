"""The lives of a publishing process that is killed: each is forked here, publishes, and ends where it was told.

A step is the instant before and the instant after each append to the ledger, each file put in its place, each git
command and each request to a platform (after: it has answered, and nobody has read the answer). `python -m
steersman.bootstrap.proof.publishing_lives FOLDER` reads a line for each life: the step (0: none) and a draft's name.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from steersman.bootstrap.plugins import factory, setting_type
from steersman.content.html import to_html
from steersman.content.model.draft import parse
from steersman.content.ports import Channel, Limits, Post, Publication
from steersman.content.publishing.publisher import Publisher
from steersman.content.publishing.variants import variant
from steersman.content.qa.checker import DraftChecker
from steersman.content.qa.engines.house import HouseRules
from steersman.content.settings import QaSettings
from steersman.kernel.clock import SystemClock
from steersman.kernel.references import resolve
from steersman.ledger import Ledger

CHANNEL = "proof"
SETTINGS = "channel.json"
_DRAFT = b"---\ntitle: Warm\n---\n\nSome *words* and `code`.\n"


class Steps:
    """Counts what the process does; ends it, as the kernel does, at the step it was told."""

    def __init__(self, last: int) -> None:
        self._last = last
        self.done = 0

    def around(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*arguments: Any, **options: Any) -> Any:
            self._step()
            found = act(*arguments, **options)
            self._step()
            return found

        return stepped

    def _step(self) -> None:
        self.done += 1
        if self.done == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


class _WatchedLedger:
    """Passes everything on; an append is a step."""

    def __init__(self, inner: Ledger, steps: Steps) -> None:
        self._inner = inner
        self.append = steps.around(inner.append)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Prompt:
    """A channel whose platform has done what was sent before it is asked anything: ours answer in that order."""

    def __init__(self, inner: Channel) -> None:
        self._inner = inner

    @property
    def limits(self) -> Limits:
        return msgspec.structs.replace(self._inner.limits, settle_s=0.0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class Forgetful:
    """A channel seen by a publisher that does not look before it sends again, nor says that it does: the control."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._numbers = itertools.count(os.getpid() * 1000)

    def lookup(self, post: Post) -> Publication | None:
        return None

    def publish(self, post: Post) -> Publication:
        found: Publication = self._inner.publish(msgspec.structs.replace(post, updated_at=next(self._numbers)))
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def channel(folder: Path) -> Channel:
    """Return the channel that `folder` is about."""
    told: dict[str, Any] = json.loads((folder / SETTINGS).read_bytes())
    careless = told.pop("careless", False)
    settings = msgspec.convert(told, setting_type("channel", told["kind"]))
    made: Any = factory("channels", told["kind"])(settings=settings, root=folder, secret=partial(resolve, root=folder))
    prompt: Any = _Prompt(made)
    return Forgetful(prompt) if careless else prompt


def live(folder: Path, step: int, name: str) -> str:
    """Publish the draft `name` of the workspace `folder`; return its outcome and how many steps it took."""
    steps, clock = Steps(step), SystemClock()
    ledger: Ledger = factory("ledgers", "sqlite")(folder / "ledger.db", clock=clock)
    watched: Any = _WatchedLedger(ledger, steps)
    # This process ends with the life: nobody else sees what is put in place here.
    os.replace = steps.around(os.replace)
    subprocess.run = steps.around(subprocess.run)
    httpx2.HTTPTransport.handle_request = steps.around(httpx2.HTTPTransport.handle_request)  # type: ignore[method-assign]
    checker = DraftChecker(
        root=folder, settings=QaSettings(packs=()), ledger=watched, clock=clock, engines=(HouseRules(),)
    )
    publisher = Publisher(
        checker=checker, ledger=watched, clock=clock, channels={CHANNEL: channel(folder)}, actor="person:proof"
    )
    (found,) = publisher.publish_all([folder / name])
    ledger.close()
    return f"{found.outcome} {steps.done} {' '.join(found.reason.split())}"


def _warm(folder: Path) -> None:
    """Load here, once, what every life would load for itself."""
    draft = parse(_DRAFT, name="content/warm.md", folder="content")
    HouseRules().check(draft)
    variant(draft, CHANNEL, channel(folder).limits)
    to_html(draft.body)


def main() -> int:
    """Fork a life for each line of standard input; answer `killed`, `broken`, or outcome, steps and reason."""
    folder = Path(sys.argv[1])
    _warm(folder)
    for line in sys.stdin:
        step, _, name = line.rstrip("\n").partition(" ")
        sys.stdout.flush()
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            code = 1
            try:
                os.write(writing, live(folder, int(step), name).encode())
                code = 0
            except Exception:  # noqa: BLE001 - the end of a process: what went wrong is printed, and the parent told
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read().decode()
        _, status = os.waitpid(pid, 0)
        was_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print("killed" if was_killed else said or "broken", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
