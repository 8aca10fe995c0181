"""Logins and data of one workspace: put together, served on its socket, or used here when nobody serves."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from steersman.automation.runner.inflight import Marker
from steersman.bootstrap.commons import open_commons
from steersman.bootstrap.desk import Desk, open_desk
from steersman.bootstrap.workspace import FILE, Workspace
from steersman.kernel.errors import Conflict, Misconfigured
from steersman.services import credentials, pulls
from steersman.services.commons import Commons, CommonsReport, Watch, look
from steersman.services.ports import Credentials, Pulls
from steersman.services.serving import Caller, Claim, Handler, Running, Server, identify
from steersman.services.serving.protocol import Question

if TYPE_CHECKING:
    from steersman.services.credentials.broker import Broker

_RETIRED: Final = 4
_RUN_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,160}")


class _Handler(Handler):
    """Says so where what was asked for may stand in a steersman.toml that this process has not read."""

    def __init__(self, shared: Services, desk: Desk) -> None:
        super().__init__(shared, desk.ledger, desk.clock)
        self._desk = desk

    def answer(self, question: Question, caller: Caller) -> object:
        try:
            return super().answer(question, caller)
        except Misconfigured as exc:
            workspace = self._desk.workspace
            if _text(workspace.root / FILE) == workspace.file.text:
                raise
            raise Misconfigured(
                f"{exc.message}; but {FILE} was changed, and what it says now is not in force yet",
                fix=f"ask again in two seconds; `steersman status` says if it was refused. Otherwise: {exc.fix}",
            ) from exc


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None


class Services:
    """The login broker and the data pulls of a desk, each opened when it is first asked for."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = threading.RLock()
        self._made_of = desk.workspace
        self._credentials: Broker | None = None
        self._watches = False
        self._pulls: Pulls | None = None
        self._commons: Commons | None = None
        self._watch: Watch | None = None
        self._retired: deque[Pulls | Credentials] = deque()

    @property
    def commons(self) -> Commons | None:
        """What the machines of this operation share; None where steersman.toml names nothing.

        Raises:
            Misconfigured: what `[shared]` refers to is not there.
        """
        with self._lock:
            if self._commons is None:
                self._commons = open_commons(self._desk.workspace, self._desk.clock)
            return self._commons

    @property
    def commons_report(self) -> CommonsReport | None:
        """How the commons are, asked now; None where nothing is shared.

        Raises:
            Misconfigured: see `commons`.
        """
        settings, commons = self._desk.workspace.shared, self.commons
        return look(commons, settings) if settings and commons else None

    @property
    def commons_watch(self) -> Watch | None:
        """How the commons were a moment ago, for who must not wait; None where nothing is shared.

        Raises:
            Misconfigured: see `commons`.
        """
        settings, commons = self._desk.workspace.shared, self.commons
        with self._lock:
            if self._watch is None and settings and commons:
                self._watch = Watch(commons, settings, self._desk.clock)
            return self._watch

    @property
    def credentials(self) -> Broker:
        """The login broker.

        Raises:
            Misconfigured, Corrupt: what it stores cannot be used.
        """
        with self._lock:
            self._keep_up()
            if self._credentials is None:
                workspace = self._desk.workspace
                check_owner(workspace)
                self._credentials = credentials.create(
                    root=workspace.root,
                    state=workspace.services,
                    providers=workspace.providers,
                    ledger=self._desk.ledger,
                    clock=self._desk.clock,
                    commons=self.commons,
                    shared=workspace.shared,
                )
                if self._watches:
                    self._credentials.watch()
            return self._credentials

    def watch_logins(self) -> None:
        """Look from now on, until `close`, what other machines do to logins that are shared.

        Raises:
            Misconfigured: they cannot be shared through the commons of `[shared]`; says why.
        """
        self._watches = True
        if self._desk.workspace.shared is not None and self._desk.workspace.providers:
            credentials = self.credentials
            credentials.check_shared()
            credentials.watch()

    @property
    def pulls(self) -> Pulls:
        """The data pulls.

        Raises:
            Misconfigured: no place to keep data.
        """
        with self._lock:
            self._keep_up()
            if self._pulls is None:
                workspace = self._desk.workspace
                check_owner(workspace)
                self._pulls = pulls.create(
                    root=workspace.root,
                    state=workspace.services,
                    settings=workspace.pulls,
                    credentials=self.credentials,
                    ledger=self._desk.ledger,
                    clock=self._desk.clock,
                    commons=self.commons,
                    shared=workspace.shared,
                )
            return self._pulls

    def handler(self) -> Handler:
        """Return what answers questions with these services."""
        return _Handler(self, self._desk)

    def close(self) -> None:
        """Write what is still counted, finish what refreshes, and let go; the desk's ledger stays open."""
        for part in (*self._retired, self._pulls, self._credentials, self._commons):
            _close(part)

    def _keep_up(self) -> None:
        """Let go of what was made of settings that are no longer in force; it is made anew when it is asked for.

        Who uses the old one in this moment finishes: it is closed two edits later, or at the end.
        """
        old, new = self._made_of, self._desk.workspace
        if old is new:
            return
        self._made_of = new
        if old.providers == new.providers and old.pulls == new.pulls:
            return
        self._retired.extend(part for part in (self._pulls, self._credentials) if part is not None)
        self._pulls = self._credentials = None
        while len(self._retired) > _RETIRED:
            _close(self._retired.popleft())


def _close(part: Pulls | Credentials | Commons | None) -> None:
    close: Callable[[], None] | None = getattr(part, "close", None)
    if close is not None:
        close()


def check_owner(workspace: Workspace) -> None:
    """Refuse to work in another user's folder: what root leaves there once, the desk cannot read at night.

    Raises:
        Misconfigured: names both users and the way back.
    """
    folder = workspace.services if workspace.services.exists() else workspace.state
    if folder.exists() and (owner := folder.stat().st_uid) != os.getuid():
        raise Misconfigured(
            f"{folder} belongs to user {owner}, and this is user {os.getuid()}",
            fix=f"run as its owner; or, if it should be yours: chown -R {os.getuid()} {workspace.state}",
        )


def open_services(desk: Desk) -> Services:
    """Return the services of `desk`; close them before its ledger."""
    return Services(desk)


@contextmanager
def serving(desk: Desk) -> Iterator[Server]:
    """Answer scripts on the workspace's socket meanwhile.

    Raises:
        Conflict: another process does so already; names its pid.
    """
    workspace = desk.workspace
    claim = Claim(workspace.services_socket)
    services = open_services(desk)
    server = Server(claim, services.handler(), desk.ledger, desk.clock, runs=running_in(workspace))
    try:
        services.watch_logins()
        yield server
    finally:
        try:
            server.close()
        finally:
            services.close()  # in any case: what was counted is written here


@contextmanager
def serving_unless_served(desk: Desk, *, quietly: bool = False) -> Iterator[Server | None]:
    """As `serving`; if another process answers already, scripts go on asking that one; said unless `quietly`."""
    # Entered and left by hand: a Conflict raised in the body must not be taken for ours.
    entered = serving(desk)
    try:
        server = entered.__enter__()
    except Conflict as exc:
        if not quietly:
            print(f"services: {exc.message}; scripts ask that one", file=sys.stderr, flush=True)
        yield None
        return
    try:
        yield server
    finally:
        entered.__exit__(None, None, None)


@contextmanager
def asked_here(directory: Path) -> Iterator[tuple[Handler, Caller]]:
    """Answer questions in this process, without anybody who serves; yield what answers, and who we ask as.

    Locks on disk make that safe beside any number of others. Ends when refreshes begun here are over.

    Raises:
        Misconfigured: no workspace, or something in it is wrong.
    """
    with closing(open_desk(directory)) as desk, closing(open_services(desk)) as services:
        yield services.handler(), identify(os.getpid(), os.getuid(), running_in(desk.workspace))


def running_in(workspace: Workspace) -> Callable[[str], Running | None]:
    """Return a look-up of runs in flight, from the marks engines leave on disk while they run something."""
    folder = workspace.state / "runs" / ".inflight"

    def look(run_id: str) -> Running | None:
        if not _RUN_ID.fullmatch(run_id):
            return None
        for path in folder.glob(f"{run_id}.*.json"):
            with suppress(OSError, msgspec.DecodeError):
                marker = msgspec.json.decode(path.read_bytes(), type=Marker)
                if marker.run_id == run_id and marker.owner_lives():
                    return Running(automation=marker.automation, pid=marker.pid)
        return None

    return look
