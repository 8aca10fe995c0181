"""Who is told, put together: each target with its rules, limits and memory, and the threads of a desk that tell."""

from __future__ import annotations

import difflib
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from typing import Final

from steersman.automation.successes import position_before
from steersman.bootstrap.access import core_answers
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.notice_rules import CORE_AWAY, RULES, STORAGE_FAILED
from steersman.bootstrap.plugins import factory
from steersman.bootstrap.workspace import Workspace
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured, SteersmanError
from steersman.kernel.references import resolve
from steersman.ledger import Event, Ledger, NewEvent
from steersman.services.notices import HeartbeatSettings, Notifier, NotifierSettings, Reader, Telling, http
from steersman.services.notices.heartbeat import Heartbeat
from steersman.services.notices.memory import StateFile
from steersman.services.notices.preview import Preview, preview
from steersman.services.notices.storm import Limits
from steersman.services.notices.teller import Teller
from steersman.services.notices.wording import moment

_LOOK_S: Final = 1.0
_AWAY_S: Final = 60.0
_ASK_S: Final = 5.0
_ANSWER_S: Final = 3.0
_FIRST: Final = 100
_ON_RESERVE: Final = ("kernel.", "ledger.", "policy.halt.")
_END_S: Final = 40.0
"""Longer than an attempt may take: a target must not be begun anew beside its old self."""
_RULE: Final = next(rule for rule in RULES if rule.name == CORE_AWAY)
Say = Callable[[str], None]


def check_target(workspace: Workspace, name: str) -> None:
    """Refuse a target that is not declared.

    Raises:
        Misconfigured: names those there are.
    """
    if name not in workspace.notify:
        there, near = ", ".join(workspace.notify) or "none", difflib.get_close_matches(name, workspace.notify, n=1)
        raise Misconfigured(
            f"there is no target {name!r}; declared: {there}",
            fix=f"did you mean {near[0]}?" if near else f"add [notify.{name}] to steersman.toml",
        )


def notifier(workspace: Workspace, name: str, clock: Clock) -> Notifier:
    """Return what delivers to the target `name`; nothing is sent.

    Raises:
        Misconfigured: what it needs is not installed.
    """
    settings = workspace.notify[name]
    made: Notifier = factory("notifiers", settings.kind)(
        name=name,
        settings=settings,
        root=workspace.root,
        desk=workspace.desk.name,
        secret=partial(resolve, root=workspace.root),
        clock=clock,
    )
    return made


def reader(workspace: Workspace, name: str) -> Reader:
    """Return what reads events as the target `name` wants to be told of them."""
    settings = workspace.notify[name]
    return Reader(
        RULES,
        wanted=settings.wanted,
        defaults=settings.defaults,
        severity=settings.severity,
        least=settings.min_severity,
        tz=workspace.desk.tz,
    )


def limits(workspace: Workspace, name: str) -> Limits:
    """Return how much the target `name` may be told, and when."""
    settings = workspace.notify[name]
    url = workspace.console.url
    return Limits(
        target=name,
        per_hour=settings.per_hour,
        quiet=settings.quiet_hours,
        tz=workspace.desk.tz,
        link=f"{url.rstrip('/')}/" if url else "",
    )


def state_file(workspace: Workspace, name: str) -> StateFile:
    """Return where the target `name` remembers what it was told."""
    return StateFile(workspace.notices / f"{name}.json")


def teller(desk: Desk, name: str, *, say: Say = lambda _: None) -> Teller:
    """Return what tells the target `name`.

    Raises:
        Misconfigured: what it needs is not installed.
    """
    workspace = desk.workspace
    reads = reader(workspace, name)
    away = CoreAway(lambda: core_is_well(desk), desk.clock, tz=workspace.desk.tz)
    is_told = desk.through_core and reads.chosen(_RULE) != "off"
    return Teller(
        name=name,
        notifier=notifier(workspace, name, desk.clock),
        reader=reads,
        limits=limits(workspace, name),
        ledger=desk.ledger,
        clock=desk.clock,
        file=state_file(workspace, name),
        conditions=away.look if is_told else lambda _: (),
        say=say,
    )


def tried_over(desk: Desk, names: Sequence[str], span_s: float) -> list[Preview]:
    """Return what each target would have been told of the last `span_s` seconds; without one, by the rules alone."""
    workspace, now = desk.workspace, desk.clock.now_ns()
    since = now - round(span_s * 1e9)
    tried: list[tuple[Reader, Limits]] = [(reader(workspace, name), limits(workspace, name)) for name in names]
    if not tried:
        tried = [(Reader(RULES, least="warn", tz=workspace.desk.tz), Limits(target="", tz=workspace.desk.tz))]
    return [
        preview(reads, allowed, _recorded_since(desk.ledger, reads.types, since), since_ns=since, until_ns=now)
        for reads, allowed in tried
    ]


def _recorded_since(ledger: Ledger, types: Sequence[str], since: int) -> Iterator[Event]:
    after = position_before(ledger, since)
    return (event for event in ledger.read(after=after, types=types) if event.recorded_at >= since)


def core_is_well(desk: Desk) -> bool:
    """Say whether the core takes events: it is given one that it has, which writes nothing.

    A process that is stopped, or whose disk hangs, still lets others connect.
    """
    return core_answers(desk.workspace.socket) and takes_events(desk.ledger)


def takes_events(ledger: Ledger) -> bool:
    """Say whether a ledger takes an event that it has: one of those that a full disk refuses, if there is any."""
    first = list(ledger.read(limit=_FIRST))
    # Halts and what the core says of itself are taken on the reserve, while orders and runs stand still.
    known = next((event for event in first if not event.type.startswith(_ON_RESERVE)), first[0] if first else None)
    if known is None:
        return True
    fields = {name: getattr(known, name) for name in NewEvent.__struct_fields__}
    try:
        ledger.append_soon([NewEvent(**fields)]).result(_ANSWER_S)
    except (SteersmanError, TimeoutError):
        return False
    return True


class CoreAway:
    """Notices that the core does not answer, which no event can say: events go through it."""

    def __init__(self, answers: Callable[[], bool], clock: Clock, *, tz: str) -> None:
        self._answers = answers
        self._clock = clock
        self._tz = tz
        self._asked: int | None = None
        self._since: tuple[int, int] | None = None
        # What an earlier life told is over at the first answer, too.
        self._told = True

    def look(self, now: int) -> Iterable[Telling]:
        """Return what is to be told at `now` (ns): that it is away for a minute, or back."""
        elapsed = self._clock.elapsed_ns()
        if self._asked is not None and elapsed - self._asked < _ASK_S * 1e9:
            return ()
        self._asked = elapsed
        if self._answers():
            back, self._told, self._since = self._told, False, None
            return (self._telling(now, ends=True),) if back else ()
        if self._since is None:
            self._since, self._told = (elapsed, now), False
        if self._told or elapsed - self._since[0] < _AWAY_S * 1e9:
            return ()
        self._told = True
        return (self._telling(now, why=f"since {moment(self._since[1], self._tz)}"),)

    def _telling(self, now: int, *, why: str = "", ends: bool = False) -> Telling:
        return Telling(
            rule=_RULE.name,
            subject=_RULE.subject,
            severity=_RULE.severity,
            first=_RULE.over if ends else _RULE.first,
            why=why,
            do="" if ends else _RULE.do,
            at=now,
            ends=ends,
            can_end=True,
            hushed_by=(f"{STORAGE_FAILED}/ledger",),
        )


def heartbeat(desk: Desk, name: str, settings: HeartbeatSettings, *, say: Say) -> Heartbeat:
    """Return the beat of the target `name`: while the core answers this process."""
    workspace = desk.workspace

    def beat() -> None:
        url = http.check(resolve(settings.url, workspace.root), settings.url)
        http.send(url, None, headers={}, timeout_s=settings.timeout_s, named=settings.url)

    def trouble() -> str:
        return "" if core_is_well(desk) else "the core does not answer, or takes no events"

    return Heartbeat(
        target=name,
        every_s=settings.every_s,
        beat=beat,
        trouble=trouble,
        ledger=desk.ledger,
        clock=desk.clock,
        say=say,
    )


class Targets:
    """The targets of a desk, each told in a thread of its own; what is declared otherwise is begun anew."""

    def __init__(self, desk: Desk, *, say: Say) -> None:
        self._desk = desk
        self._say = say
        self._running: dict[str, tuple[NotifierSettings, ExitStack]] = {}

    def look(self) -> None:
        """Begin, end and renew targets as they are declared now."""
        declared = self._desk.workspace.notify
        for name, (settings, stack) in list(self._running.items()):
            if declared.get(name) != settings:
                del self._running[name]
                stack.close()
        for name, settings in declared.items():
            if name not in self._running:
                self._running[name] = (settings, self._begun(name, settings))

    def close(self) -> None:
        """End all of them; what waits is on disk."""
        for _, stack in self._running.values():
            stack.close()
        self._running.clear()

    def _begun(self, name: str, settings: NotifierSettings) -> ExitStack:
        """Begin to tell `name`. One that is not set up right is said and left out until it is declared otherwise.

        Raises:
            Unavailable: disk or ledger cannot be used now; the next look tries again.
        """
        stack = ExitStack()
        try:
            one = stack.enter_context(closing(teller(self._desk, name, say=self._say)))
        except Misconfigured as exc:
            self._say(f"notify {name}: {exc}")
        else:
            stack.enter_context(running(f"notify-{name}", one.tick, self._say))
        if settings.heartbeat is not None:
            beats = heartbeat(self._desk, name, settings.heartbeat, say=self._say)
            stack.enter_context(running(f"heartbeat-{name}", beats.tick, self._say))
        return stack


@contextmanager
def telling(desk: Desk, *, say: Say) -> Iterator[None]:
    """Tell every target and beat for it until the end of the block, edits of `[notify.*]` included."""
    with closing(Targets(desk, say=say)) as targets, running("notify", targets.look, say):
        yield


@contextmanager
def running(name: str, tick: Callable[[], object], say: Say, every_s: float = _LOOK_S) -> Iterator[None]:
    """Call `tick` about every `every_s` seconds, in a thread, until the end of the block."""
    stop = threading.Event()
    thread = threading.Thread(target=repeated, args=(name, tick, stop, say, every_s), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_END_S)


def repeated(name: str, tick: Callable[[], object], stop: threading.Event, say: Say, every_s: float = _LOOK_S) -> None:
    """Call `tick` until `stop`; what goes wrong is said once, and the next tick tries again."""
    told = ""
    while not stop.is_set():
        try:
            tick()
            told = ""
        except SteersmanError as exc:
            if exc.message != told:
                told = exc.message
                with suppress(OSError):
                    say(f"{name}: {exc}")
        except Exception:  # noqa: BLE001 - the edge of a thread: shown with its traceback, and tried again
            traceback.print_exc(file=sys.stderr)
        stop.wait(every_s)
