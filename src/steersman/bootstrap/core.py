"""The core: owns the ledger's writer and the trading hot path; knows no page, no script and no model.

`python -m steersman.bootstrap.core --dir WORKSPACE` is the process that `steersman up` keeps running.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from steersman import __version__
from steersman.bootstrap.access import patiently
from steersman.bootstrap.events import (
    CLOCK_JUMPED,
    CORE_STARTED,
    FEED_WAITING,
    ClockJumped,
    FeedWaiting,
    ProcessStarted,
)
from steersman.bootstrap.leash import end_with_supervisor
from steersman.bootstrap.plugins import factory
from steersman.bootstrap.policy_file import PolicyFile
from steersman.bootstrap.venues import make_venues, not_for_replays
from steersman.bootstrap.workspace import CATALOGUE, FILE, Workspace, load_workspace
from steersman.content.publishing.alarms import Watchman
from steersman.kernel.clock import Clock, SystemClock
from steersman.kernel.errors import Corrupt, Misconfigured, SteersmanError
from steersman.ledger import new_event
from steersman.ledger.adapters.socket import serve
from steersman.ledger.adapters.sqlite import BALLAST_BYTES
from steersman.ledger.anchor import anchor
from steersman.policy.store import PolicyStore, activate, halt_event
from steersman.trading.calendars import load
from steersman.trading.handlers.no_feed import NO_FEED, QuotesOnly
from steersman.trading.handlers.trader import TradeProgress, Trader, TradeSummary
from steersman.trading.ports import Feed

STREAM = "process/core"
_LOOK_AGAIN_S = 1.0
_QUIET_LOOKS = 10
_ANCHOR_EVERY_S = 3600.0
_WATCH_S = 1.0
_JUMP_S = 2.0
OnProgress = Callable[[TradeProgress], None]

_DESK_FIRST_S: Final = 3.0
"""What the desk needs to say its last words to the core when both lost their supervisor."""


class Core:
    """The one writer of a workspace's ledger, its socket, and the traders of its feeds."""

    def __init__(self, workspace: Workspace, clock: Clock | None = None) -> None:
        """Open the ledger as its writer, put steersman.toml's policy in force and serve the socket.

        Raises:
            Conflict: another process is the writer.
        """
        self.workspace = workspace
        self.clock = clock or SystemClock()
        workspace.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A command may be writing an event at this moment, for want of a core.
        self.ledger = patiently(
            partial(factory("ledgers", "sqlite"), workspace.ledger, clock=self.clock, ballast_bytes=BALLAST_BYTES)
        )
        try:
            activate(
                self.ledger,
                workspace.policy,
                actor="person:file",
                reason=f"as written in {FILE}",
                source=FILE,
                now_ns=self.clock.now_ns(),
            )
            self.policy = PolicyStore(self.ledger, CATALOGUE)
            self.anchor()  # before anybody is answered: a cut tail halts the desk at its start
            self._server = serve(self.ledger, workspace.socket)
        except BaseException:
            self.ledger.close()
            raise
        self.say(
            CORE_STARTED, ProcessStarted(name="core", pid=os.getpid(), version=__version__, at=self.clock.now_ns())
        )

    def say(self, kind: str, data: ProcessStarted | ClockJumped | FeedWaiting) -> None:
        """Append an event about this process."""
        self.ledger.append([new_event(kind, stream=STREAM, data=data, actor="core", now_ns=self.clock.now_ns())])

    def trade(
        self,
        stop: threading.Event,
        *,
        pace_s: float | None = None,
        on_progress: OnProgress | None = None,
        waits: bool = False,
        stay: bool = False,
    ) -> list[TradeSummary]:
        """Run the feed of the workspace to its end, or until `stop`; without a feed, the prices of its venues.

        Args:
            pace_s: seconds per session; None goes as fast as it can.
            stay: then go on serving requests and venues until `stop`.
            waits: look again for a source that is not there yet (a script may be about to write it) instead of raising.

        Raises:
            Misconfigured: a feed cannot be read, and not `waits`.
            Unavailable: the ledger does not take events (disk full); nothing was sent that it does not hold.
        """
        found = []
        for name in self._feeds():
            told, looks = "", 0
            while not stop.is_set():
                try:
                    found.append(self._trader(name, on_progress).run(stop, pace_s=pace_s, stay=stay))
                    break
                except Misconfigured as exc:
                    if not waits:
                        raise
                    looks += 1
                    # A script of this desk may be about to write it: a few seconds are no news.
                    if exc.message != told and looks > _QUIET_LOOKS:
                        told = exc.message
                        print(f"core: feed {name} waits: {exc}", file=sys.stderr, flush=True)
                        self.say(FEED_WAITING, FeedWaiting(feed=name, reason=told, at=self.clock.now_ns()))
                    stop.wait(_LOOK_AGAIN_S)
        return found

    def watch(self, stop: threading.Event) -> None:
        """Anchor the head once an hour, record jumps of the clock, follow edits of the policy, watch the publishing."""
        file = PolicyFile(self.workspace, self.ledger, self.clock)
        publishing = Watchman(root=self.workspace.root, ledger=self.ledger, clock=self.clock, actor="core")
        wall, elapsed = self.clock.now_ns(), self.clock.elapsed_ns()
        anchored = elapsed
        while not stop.wait(_WATCH_S):
            now, passed = self.clock.now_ns(), self.clock.elapsed_ns()
            by_s = ((now - wall) - (passed - elapsed)) / 1e9
            wall, elapsed = now, passed
            for said in (file.look(), publishing.look()):
                if said:
                    print(f"core: {said}", file=sys.stderr, flush=True)
            if abs(by_s) > _JUMP_S:
                self.say(CLOCK_JUMPED, ClockJumped(by_s=by_s, at=now))
            if passed - anchored > _ANCHOR_EVERY_S * 1e9:
                anchored = passed
                self.anchor()

    def anchor(self) -> None:
        """Write the head outside the ledger, so that a cut tail shows; halt everything if one was cut."""
        if not self.ledger.head().pos:
            return
        try:
            anchor(self.ledger, self.workspace.anchor, self.clock)
        except Corrupt as exc:
            # A history that somebody changed is no ground to trade on. Only a person can say what happened.
            print(f"core: {exc}", file=sys.stderr, flush=True)
            if "all" not in self.policy.current_halts().reasons:
                reason = f"the ledger does not agree with its anchors: {exc.message}"
                self.ledger.append([halt_event("all", reason=reason, actor="core", now_ns=self.clock.now_ns())])

    def close(self) -> None:
        """Anchor, stop serving, let the ledger go."""
        try:
            self.anchor()
        finally:
            self._server.close()
            self.ledger.close()

    def _feeds(self) -> list[str]:
        trading = self.workspace.trading
        return list(trading.feeds) or ([NO_FEED] if trading.venues else [])

    def _trader(self, name: str, on_progress: OnProgress | None) -> Trader:
        trading = self.workspace.trading
        venues = make_venues(self.workspace, self.ledger, self.clock)
        feed: Feed = QuotesOnly()
        if name in trading.feeds:
            settings = trading.feeds[name]
            feed = factory("feeds", settings.kind)(
                settings=settings, instruments=trading.instruments, root=self.workspace.root, clock=self.clock
            )
        problem = None if feed.live else not_for_replays(self.workspace, venues)
        if problem is not None:
            raise Misconfigured(problem, fix='set the venue to kind = "paper", or take the [feed] out')
        return Trader(
            settings=trading,
            root=self.workspace.root,
            capital=self.workspace.capital,
            currency=self.workspace.desk.currency,
            ledger=self.ledger,
            policy=self.policy,
            venues=venues,
            feed=feed,
            feed_name=name,
            clock=self.clock,
            calendars=load(trading, self.workspace.state / "calendars", self.clock.now_ns()),
            on_progress=on_progress,
        )


def main(argv: list[str] | None = None) -> int:
    """Run the core until SIGTERM or SIGINT; return the exit code."""
    parser = argparse.ArgumentParser(prog="steersman-core", description="The process that trades. Use `steersman up`.")
    parser.add_argument("--dir", type=Path, default=Path())
    parser.add_argument("--pace", type=float, default=None, help="seconds per session of a replayed feed")
    options = parser.parse_args(argv)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    end_with_supervisor(after_s=_DESK_FIRST_S)
    try:
        core = Core(load_workspace(options.dir))
    except SteersmanError as exc:
        print(f"core: {exc}", file=sys.stderr, flush=True)
        return 2 if isinstance(exc, Misconfigured) else 1
    watcher = threading.Thread(target=core.watch, args=(stop,), name="core-watch", daemon=True)
    watcher.start()
    try:
        core.trade(stop, pace_s=options.pace, waits=True, stay=True)
        stop.wait()
    except SteersmanError as exc:
        print(f"core: {exc}", file=sys.stderr, flush=True)
        return 1
    finally:
        stop.set()
        watcher.join()
        core.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
