"""How telling goes: what each target was told last, what failed, what waits; and one message to try it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from steersman.bootstrap.deadlines import overdue_now
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.diagnosis import Diagnosis
from steersman.bootstrap.notices import notifier, state_file
from steersman.kernel.clock import on_the_wall
from steersman.kernel.errors import OutcomeUnknown, SteersmanError
from steersman.kernel.ids import uuid7
from steersman.kernel.plurals import counted
from steersman.kernel.references import resolve
from steersman.ledger import new_event
from steersman.services.notices.events import (
    HEARTBEAT_FAILED,
    HEARTBEAT_RECOVERED,
    NOTICE_FAILED,
    NOTICE_SENT,
    HeartbeatSaid,
    NoticeFailed,
    NoticeSent,
    stream,
)
from steersman.services.notices.model import Message

_TEST: Final = ("test/notify",)
_RECENT_NS: Final = 7 * 86_400 * 10**9


class TargetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How one target stands.

    Attributes:
        waiting: first lines of the messages that were not sent yet; `held`: how many of them quiet hours keep.
        problem: why the last attempt failed; empty if it did not. `retry_at` ns, None: not tried again by itself.
        given_up: messages of the last seven days that never arrived.
        heartbeat: empty without one; else `every 5m`, or why the last beat failed.
    """

    target: str
    kind: str
    min_severity: str
    quiet: str
    sent: int
    last_sent_at: int | None
    last_failed_at: int | None
    problem: str
    retry_at: int | None
    given_up: int
    waiting: tuple[str, ...]
    held: int
    heartbeat: str


def status(desk: Desk, name: str) -> TargetStatus:
    """Return how the target `name` stands, by the ledger and by what it remembers."""
    settings = desk.workspace.notify[name]
    sent: list[NoticeSent] = []
    failed: list[NoticeFailed] = []
    problem, retry_at, beat = "", None, f"every {settings.heartbeat.every}" if settings.heartbeat is not None else ""
    is_set = beat
    for event in desk.ledger.read(stream=stream(name)):
        if event.type == NOTICE_SENT:
            sent.append(msgspec.json.decode(event.data, type=NoticeSent))
            problem, retry_at = "", None
        elif event.type == NOTICE_FAILED:
            failed.append(msgspec.json.decode(event.data, type=NoticeFailed))
            problem, retry_at = failed[-1].problem, failed[-1].retry_at
        elif event.type in (HEARTBEAT_FAILED, HEARTBEAT_RECOVERED) and beat:
            beat = msgspec.json.decode(event.data, type=HeartbeatSaid).problem or is_set
    kept = state_file(desk.workspace, name).peek()
    waiting = kept.state.waiting if kept is not None else []
    recent = desk.clock.now_ns() - _RECENT_NS
    return TargetStatus(
        target=name,
        kind=settings.kind,
        min_severity=settings.min_severity,
        quiet=settings.quiet,
        sent=len(sent),
        last_sent_at=sent[-1].at if sent else None,
        last_failed_at=failed[-1].at if failed else None,
        problem=problem,
        retry_at=retry_at,
        given_up=sum(f.retry_at is None and f.at > recent and f.keys != _TEST for f in failed),
        waiting=tuple(m.first for m in waiting),
        held=sum(m.held for m in waiting),
        heartbeat=beat,
    )


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one message that was sent to try a target: `answer` if it arrived, else `problem` and `fix`."""

    target: str
    kind: str
    ok: bool
    answer: str = ""
    problem: str = ""
    fix: str = ""
    took_ms: float


def try_out(desk: Desk, name: str) -> Tried:
    """Send one message to the target `name`, now, whatever its limits; what came of it is recorded."""
    workspace, now = desk.workspace, desk.clock.now_ns()
    began = desk.clock.elapsed_ns()
    message = Message(
        id=str(uuid7(now)),
        kind="test",
        severity="info",
        keys=_TEST,
        first="this is a test: messages arrive here",
        why="sent by `steersman notify test`",
        do="nothing",
        link=workspace.console.url,
        at=now,
        made_at=now,
    )
    error: SteersmanError | None = None
    answer = ""
    try:
        answer = notifier(workspace, name, desk.clock).send(message)
    except SteersmanError as exc:
        error = exc
    took_ms = (desk.clock.elapsed_ns() - began) / 1e6
    _record(desk, name, message, answer, error)
    return Tried(
        target=name,
        kind=workspace.notify[name].kind,
        ok=error is None,
        answer=answer,
        problem=error.message if error is not None else "",
        fix=error.fix if error is not None else "",
        took_ms=took_ms,
    )


def _record(desk: Desk, name: str, message: Message, answer: str, error: SteersmanError | None) -> None:
    now = desk.clock.now_ns()
    # What a test says of the past is what was known before it: a target that is new stays new.
    kept = state_file(desk.workspace, name).peek()
    through = kept.state.cursor if kept is not None else desk.ledger.head().pos
    data: NoticeSent | NoticeFailed
    if error is None:
        data = NoticeSent(
            target=name,
            notice_id=message.id,
            kind=message.kind,
            severity=message.severity,
            keys=message.keys,
            covers=1,
            attempt=1,
            answer=answer,
            late_s=0.0,
            through=through,
            at=now,
        )
    else:
        data = NoticeFailed(
            target=name,
            notice_id=message.id,
            severity=message.severity,
            keys=message.keys,
            attempt=1,
            problem=error.message,
            unknown=isinstance(error, OutcomeUnknown),
            retry_at=None,
            through=through,
            at=now,
        )
    kind = NOTICE_SENT if error is None else NOTICE_FAILED
    desk.ledger.append([new_event(kind, stream=stream(name), data=data, actor="person:cli", now_ns=now)])


def examine_notices(desk: Desk) -> Iterator[Diagnosis]:
    """Say what keeps people from being told, and what is overdue; tells nobody anything."""
    for name, what in overdue_now(desk).items():
        yield Diagnosis(name=f"deadline {name}", level="fail", found=what, fix=f"steersman auto logs {name}")
    declared = desk.workspace.notify
    if not declared:
        yield Diagnosis(
            name="notify",
            level="warn",
            found="nobody is told when something breaks",
            fix="add [notify.NAME] to steersman.toml; `steersman notify rules` says what would be told",
        )
    for name in declared:
        yield _target(desk, name)


def _target(desk: Desk, name: str) -> Diagnosis:
    workspace, what = desk.workspace, f"notify {name}"
    settings = workspace.notify[name]
    try:
        notifier(workspace, name, desk.clock)
        references = [getattr(settings, "url", ""), getattr(settings, "secret", "")]
        if settings.heartbeat is not None:
            references.append(settings.heartbeat.url)
        for reference in filter(None, references):
            resolve(reference, workspace.root)
    except SteersmanError as exc:
        return Diagnosis(name=what, level="fail", found=exc.message, fix=exc.fix)
    found = status(desk, name)
    if found.problem:
        since = on_the_wall(found.last_failed_at or 0, workspace.desk.tz)
        lost = f"; {counted(found.given_up, 'message')} given up this week" if found.given_up else ""
        return Diagnosis(
            name=what, level="warn", found=f"{found.problem} ({since}){lost}", fix=f"steersman notify test {name}"
        )
    if found.heartbeat and settings.heartbeat is not None and found.heartbeat != f"every {settings.heartbeat.every}":
        return Diagnosis(name=what, level="warn", found=f"heartbeat: {found.heartbeat}", fix="correct its address")
    if found.last_sent_at is None:
        return Diagnosis(
            name=what, level="warn", found="was never told anything yet", fix=f"steersman notify test {name}"
        )
    last = on_the_wall(found.last_sent_at, workspace.desk.tz)
    return Diagnosis(name=what, level="ok", found=f"{found.kind}, told last {last}")
