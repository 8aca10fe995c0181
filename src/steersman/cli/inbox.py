"""`steersman inbox`: what waits for a person, and the person's answer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.context import HERE, AsJson, Dir, noun, opened
from steersman.cli.output import emit
from steersman.cli.terminal import say
from steersman.kernel.clock import on_the_wall

if TYPE_CHECKING:
    from steersman.cli.outcome import Outcome
    from steersman.trading.queries import Hold

app = noun("What waits for a person: list it, approve it, deny it.")
_WAIT_S = 10.0
_REVIEW_WORDS = {"denied": "returned", "expired": "withdrawn"}
ApprovalId = Annotated[str, typer.Argument(help="As `steersman inbox list` shows it.")]
Reason = Annotated[str, typer.Option("--reason", help="Goes to the journal.")]
Wait = Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for what the core makes of it.")]


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000)] = 20,
    all_: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """List decisions that wait, newest first, with when they expire."""
    from steersman.trading import queries  # `--help` needs no domain

    with opened(directory, by_what_is_in_force=True) as desk:
        # Holds expire on the feed's clock, which in a replay is not today's.
        now = desk.time_ns()
        rows = queries.holds(desk.db, now_ns=now, open_only=not all_, limit=limit)
        tz = desk.workspace.desk.tz
    emit(as_json, rows, lambda: _show(rows, tz, all_=all_))


def _show(rows: list[Hold], tz: str, *, all_: bool) -> None:
    if not rows:
        say(
            "nothing was ever held"
            if all_
            else "nothing waits for you; `steersman inbox list --all` shows what is over"
        )
    for row in rows:
        status = _REVIEW_WORDS.get(row.status, row.status) if row.kind == "review" else row.status
        over = "" if row.status == "open" else f"  {status}"
        word, at = ("since", row.requested_at) if row.kind == "review" else ("until", row.expires_at)
        say(f"{row.approval_id}  {word} {on_the_wall(at, tz)}{over}")
        say(f"  {row.what}")
        say(f"  why: {row.why}")
    if any(row.status == "open" for row in rows):
        say()
        say("next: `steersman inbox approve ID` or `steersman inbox deny ID`; unanswered, nothing happens")


@app.command(short_help="Let a held order go, a run start, or a draft go out.")
def approve(
    approval_id: ApprovalId,
    reason: Reason = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Wait = _WAIT_S,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Let a held order go, if it still passes every other check at this moment; a run start; or a draft go out."""
    if not yes and sys.stdin.isatty():
        typer.confirm(_question(approval_id), abort=True)
    _answer(approval_id, reason, wait, directory, grant=True, as_json=as_json)


def _question(approval_id: str) -> str:
    kind, _, subject = approval_id.partition("/")
    if kind == "run":
        return f"Run {subject} now?"
    if kind == "review":
        return f"Approve {subject.rpartition('/')[0]} in the version that was sent for review?"
    return f"Send {approval_id}, if it still passes all other checks?"


@app.command(short_help="Refuse it: nothing is sent, nothing runs, a draft goes back.")
def deny(
    approval_id: ApprovalId,
    reason: Reason = "",
    wait: Wait = _WAIT_S,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Refuse a held order or run: nothing is sent, nothing runs; a draft goes back, with --reason as a remark."""
    _answer(approval_id, reason, wait, directory, grant=False, as_json=as_json)


def _answer(approval_id: str, reason: str, wait_s: float, directory: Dir, *, grant: bool, as_json: bool) -> None:
    from steersman.cli.outcome import of_approval  # only what changes something needs it
    from steersman.policy import approvals  # as above

    if approval_id.startswith(f"{approvals.REVIEW}/"):
        _answer_review(approval_id, reason, directory, grant=grant, as_json=as_json)
        return
    with opened(directory, by_what_is_in_force=True) as desk:
        event = approvals.answer(
            desk.ledger, approval_id, grant=grant, by="person:cli", reason=reason, now_ns=desk.clock.now_ns()
        )
        found = of_approval(desk, approval_id, after=event.pos if event else 0, wait_s=wait_s)
    emit(as_json, found, lambda: _show_outcome(found))
    if grant and found.known and found.outcome == "reject":
        raise typer.Exit(1)


def _answer_review(approval_id: str, reason: str, directory: Path, *, grant: bool, as_json: bool) -> None:
    from steersman.bootstrap.content import answer_review  # as above
    from steersman.cli.content_review import show_decision

    with opened(directory, by_what_is_in_force=True) as desk:
        done = answer_review(desk, approval_id, grant=grant, reason=reason, by="person:cli")
    emit(as_json, done, lambda: show_decision(done))


def _show_outcome(found: Outcome) -> None:
    say(found.text)
    if found.next:
        say(f"next: {found.next}")
