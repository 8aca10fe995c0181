"""What the first page says: everything it needs, read in one go, and the four answers at its top."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final, Literal

import msgspec

from steersman.automation import queries as automation
from steersman.automation.queries import Run
from steersman.bootstrap.access import core_trouble
from steersman.bootstrap.deadlines import overdue_now
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.engines import engine_trouble, manifest_of
from steersman.bootstrap.policy_file import edit_trouble
from steersman.console.wording import amount, money
from steersman.content import queries as content
from steersman.content.queries import DraftRow, pieces
from steersman.content.review.piece import Piece, standing
from steersman.feedback import KpiValue
from steersman.kernel.plurals import counted
from steersman.services.reauth import wanting_a_person
from steersman.trading import queries as trading
from steersman.trading.queries import Account, FeedStatus, Hold, Position, StrategyStatus, VerdictRow

State = Literal["ok", "warn", "bad", "idle"]
CARDS: Final = 8
"""KPIs with a card of their own; the others are listed below them."""
_UNKNOWN: Final = 10
_URGENCY: Final = {"breached": 0, "missed": 1, "met": 2, "watched": 3, "not enough data": 4}


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """One moment of the desk.

    Attributes:
        now_ns: the machine's clock; `feed_now_ns` is the feed's, which a replay sets.
        troubles: what is wrong with the core, the venues and the orders there, in words.
        failing: automations whose latest run did not succeed, however long ago that was.
        kpis: the most urgent first; one without enough data comes last.
        drafts: those that need something first; `stages` says where each stands, or that one of its posts is overdue.
        capital: what the account started with, in `currency`.
    """

    name: str
    currency: str
    tz: str
    now_ns: int
    feed_now_ns: int
    events: int
    policy_version: int
    halts: dict[str, str]
    capital: Decimal
    account: Account | None
    positions: tuple[Position, ...]
    holds: tuple[Hold, ...]
    verdicts: tuple[VerdictRow, ...]
    verdict_counts: dict[str, int]
    feeds: tuple[FeedStatus, ...]
    strategies: tuple[StrategyStatus, ...]
    fills: int
    runs: tuple[Run, ...]
    failing: dict[str, Run]
    run_counts: dict[str, int]
    drafts: tuple[DraftRow, ...]
    kpis: tuple[KpiValue, ...]
    stages: dict[str, str] = {}
    troubles: tuple[str, ...] = ()

    @property
    def reading(self) -> int:
        """Pieces that wait for somebody to read them."""
        return sum(stage == "in review" for stage in self.stages.values())


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """One answer: the question, the answer in a few words, and the first reasons for it."""

    question: str
    state: State
    answer: str
    reasons: tuple[str, ...] = ()


def look(desk: Desk, kpis: Sequence[KpiValue]) -> Overview:
    """Read everything the page shows; the read models are as the last refresh left them."""
    db, workspace, now_ns = desk.db, desk.workspace, desk.clock.now_ns()
    account = trading.account(db)
    feed_now = desk.time_ns()
    return Overview(
        name=workspace.desk.name,
        currency=workspace.desk.currency,
        tz=workspace.desk.tz,
        now_ns=now_ns,
        feed_now_ns=feed_now,
        events=desk.ledger.head().pos,
        policy_version=desk.policy.version,
        halts=dict(desk.halts.reasons),
        capital=workspace.capital,
        account=account,
        positions=tuple(trading.positions(db)),
        holds=tuple(trading.holds(db, now_ns=feed_now, limit=20)),
        verdicts=tuple(trading.recent_verdicts(db, limit=5)),
        verdict_counts=trading.verdict_counts(db),
        feeds=tuple(trading.feed_status(db)),
        strategies=tuple(trading.strategies_status(db)),
        fills=trading.totals(db).fills,
        runs=tuple(automation.recent_runs(db, limit=20)),
        failing=automation.failing(db, manifest_of(workspace)),
        run_counts=automation.counts(db),
        drafts=tuple(sorted(content.drafts(db), key=lambda d: (_DRAFTS.get(d.status, 9), -d.checked_at))),
        kpis=tuple(sorted(kpis, key=lambda kpi: _URGENCY[kpi.status])),
        stages={name: _stage(piece) for name, piece in pieces.pieces(db).items()},
        troubles=tuple(_troubles(desk)),
    )


def _stage(piece: Piece) -> str:
    late = any(post.overdue for post in piece.posts.values())
    return "overdue" if late else standing(piece).stage


def _troubles(desk: Desk) -> Iterator[str]:
    if desk.through_core and (away := core_trouble(desk.workspace.socket)) is not None:
        yield f"the core {away.found}: nothing is sent"
    if trouble := engine_trouble(desk.ledger):
        yield trouble
    if trouble := edit_trouble(desk.workspace.root, desk.ledger):
        yield trouble
    yield from (f"{name} is overdue" for name in overdue_now(desk))
    worker, late = content.worker(desk.db), content.overdue(desk.db)
    if worker is not None and worker.silent:
        yield worker.reason
    if late:
        yield f"{counted(len(late), 'post')} overdue: {late[0].draft} on {late[0].channel}"
    wanting = wanting_a_person(desk.ledger, among=desk.workspace.providers)
    yield from (f"{provider} wants you to log in" for provider in wanting)
    for name, settings in desk.workspace.trading.venues.items():
        if settings.mode == "simulated":
            continue
        status = trading.venue(desk.db, name)
        last = status.last
        if status.failing_since is not None:
            yield f"venue {name} fails at {status.failing_doing}"
        elif last is not None and not last.reached:
            yield f"venue {name} did not answer"
        if last is not None and last.differences and not last.settled:
            yield f"venue {name} differs from the ledger"
    unknown = trading.orders(desk.db, status="unknown", limit=_UNKNOWN)
    if unknown:
        more = " or more" if len(unknown) == _UNKNOWN else ""
        yield f"{counted(len(unknown), 'order')}{more} of unknown outcome"


_DRAFTS: Final = {"refused": 0, "blocked": 1, "edited": 2, "checked": 3, "published": 4}


def signs(view: Overview) -> tuple[Sign, ...]:
    """Return the four answers: is anything wrong, what waits for me, are we on target, what changed."""
    return (_wrong(view), _waiting(view), _on_target(view), _changed(view))


def _wrong(view: Overview) -> Sign:
    halted = [f"{scope} halted: {reason}" if reason else f"{scope} halted" for scope, reason in view.halts.items()]
    disabled = [f"strategy {s.strategy} is off: {s.reason}" for s in view.strategies if s.disabled]
    breached = [f"{kpi.title} beyond its guardrail" for kpi in view.kpis if kpi.status == "breached"]
    said = [*view.troubles]
    failed = [
        f"{name} {run.status.replace('_', ' ')}"
        for name, run in view.failing.items()
        if f"{name} is overdue" not in said
    ]
    found = [*halted, *said, *disabled, *breached, *failed]
    if found:
        return Sign(
            question="Is anything wrong?", state="bad", answer=counted(len(found), "problem"), reasons=tuple(found)
        )
    if not view.events or (view.account is None and not view.runs and not view.drafts):
        return Sign(question="Is anything wrong?", state="idle", answer="Nothing has run yet")
    return Sign(
        question="Is anything wrong?",
        state="ok",
        answer="Nothing is wrong",
        reasons=("no halt, no failed run, venues agree, every guardrail holds",),
    )


def _waiting(view: Overview) -> Sign:
    blocked = [d for d in view.drafts if d.status in ("blocked", "refused")]
    total = len(view.holds) + len(blocked)
    if not total:
        return Sign(
            question="What waits for me?",
            state="ok",
            answer="Nothing",
            reasons=("no decision is open, no draft is blocked",),
        )
    reasons = [hold.what for hold in view.holds] + [f"{d.title or d.draft}: {d.status}" for d in blocked]
    return Sign(
        question="What waits for me?", state="warn", answer=counted(total, "thing", "things"), reasons=tuple(reasons)
    )


def _on_target(view: Overview) -> Sign:
    judged = [kpi for kpi in view.kpis if kpi.met is not None]
    if not judged:
        return Sign(question="Are we on target?", state="idle", answer="Too early to say")
    missed = [kpi for kpi in judged if not kpi.met]
    return Sign(
        question="Are we on target?",
        state="warn" if missed else "ok",
        answer=f"{len(judged) - len(missed)} of {len(judged)} KPIs met",
        reasons=tuple(
            f"{kpi.title} {amount(kpi.value, kpi.unit)}, target {amount(kpi.target, kpi.unit)}" for kpi in missed
        ),
    )


def _changed(view: Overview) -> Sign:
    shifted = [f"{kpi.title} shifted" for kpi in view.kpis if kpi.shifted]
    if view.account is None:
        return Sign(
            question="What changed?",
            state="idle",
            answer=counted(view.events, "event"),
            reasons=(f"policy version {view.policy_version} is in force",),
        )
    return Sign(
        question="What changed?",
        state="idle",
        answer=f"{money(view.account.day_pnl, signed=True)} {view.currency}",
        reasons=(
            "on the day" + (f", {shifted[0]}" if shifted else ""),
            *shifted[1:],
            f"{counted(view.fills, 'fill')} so far, policy version {view.policy_version}",
        ),
    )
