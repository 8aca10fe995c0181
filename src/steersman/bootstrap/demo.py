"""The sample desk run from its first script to its last post, in one process that also serves its ledger's socket."""

from __future__ import annotations

import resource
import threading
from collections.abc import Callable, Mapping
from contextlib import closing

import msgspec

from steersman.automation import Progress, validate
from steersman.bootstrap.core import Core
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.plugins import factory
from steersman.bootstrap.services import serving
from steersman.bootstrap.workspace import Workspace
from steersman.content import queries as content
from steersman.feedback import values
from steersman.feedback.settings import validate as validate_kpis
from steersman.kernel.clock import Clock, SystemClock
from steersman.kernel.errors import Unavailable
from steersman.ledger.anchor import check_anchors
from steersman.trading import queries as trading
from steersman.trading.digest import decisions_digest
from steersman.trading.handlers.trader import TradeProgress
from steersman.trading.links import check_links

BEFORE = ("pull_prices", "make_chart")
"""Automations that the bars come from; the others of the sample desk run once the bars are through."""
OUTCOMES = ("accept", "adjust", "hold", "reject")


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """Something to show while the demo runs; `done` of `total` when it can be counted."""

    step: str
    note: str = ""
    done: int = 0
    total: int = 0


class LedgerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger at the end: hash chain, links between events and the anchored head were all checked."""

    events: int
    head: str
    verified: bool
    problems: tuple[str, ...]


class DemoResult(msgspec.Struct, frozen=True, kw_only=True):
    """What happened, counted from the read models; `bars` are the usable ones; KPIs without data are null."""

    bars: int
    signals: int
    verdicts: dict[str, int]
    orders: int
    fills: int
    journal_entries: int
    runs: dict[str, int]
    drafts: int
    findings: int
    published: int
    kpis: dict[str, float | None]
    ledger: LedgerFacts
    decisions_digest: str
    seconds: float
    rss_mb: float


def run_once(workspace: Workspace, show: Callable[[Shown], None], *, clock: Clock | None = None) -> DemoResult:
    """Run the workspace to the end of its feeds, with every automation once, and verify the ledger.

    Raises:
        Unavailable: the prices could not be pulled, so there is nothing to trade on.
    """
    clock = clock or SystemClock()
    began = clock.elapsed_ns()
    core = Core(workspace, clock)
    try:
        desk = Desk(workspace, core.ledger, clock)
        manifest = validate(workspace.file, workspace.automations, workspace.root, tz=workspace.desk.tz)
        engine = factory("engines", "embedded")(root=workspace.root, ledger=core.ledger, clock=clock)
        with serving(desk), closing(engine):
            engine.start(manifest, schedules=False)
            first = [name for name in manifest.order if name in BEFORE]
            outcomes = engine.run_cycle(first, on_progress=lambda p: show(_run_line(p)))
            bad = [f"{o.automation}: {o.reason}" for o in outcomes.values() if not o.ok and o.automation == BEFORE[0]]
            if bad:
                raise Unavailable(f"no prices: {'; '.join(bad)}", fix=f"steersman auto logs {BEFORE[0]}")
            core.trade(threading.Event(), on_progress=lambda p: show(_trade_line(p)))
            rest = [name for name in manifest.order if name not in BEFORE]
            engine.run_cycle(rest, on_progress=lambda p: show(_run_line(p)))
        core.anchor()
        show(Shown(step="verify", note="hash chain, links and anchor"))
        return _result(desk, clock, began)
    finally:
        core.close()


def _result(desk: Desk, clock: Clock, began: int) -> DemoResult:
    db, workspace = desk.db, desk.workspace
    totals, drafts = trading.totals(db), content.counts(db)
    kpis = validate_kpis(workspace.file, workspace.kpis)
    ledger = _verified(desk)
    return DemoResult(
        bars=totals.bars_accepted,
        signals=totals.signals,
        verdicts={name: totals.verdicts.get(name, 0) for name in OUTCOMES},
        orders=totals.orders,
        fills=totals.fills,
        journal_entries=totals.journal_entries,
        runs=_runs(desk),
        drafts=drafts.drafts,
        findings=drafts.findings,
        published=drafts.published,
        kpis={v.name: v.value for v in values(db, kpis, now_ns=clock.now_ns())},
        ledger=ledger,
        decisions_digest=decisions_digest(desk.ledger),
        seconds=round((clock.elapsed_ns() - began) / 1e9, 2),
        rss_mb=round(peak_rss_mb(), 1),
    )


def _verified(desk: Desk) -> LedgerFacts:
    chain = desk.ledger.verify()
    links = check_links(desk.ledger)
    anchors = check_anchors(desk.ledger, desk.workspace.anchor)
    problems = tuple(p for p in (chain.problem, *links.problems, anchors) if p)
    return LedgerFacts(
        events=chain.head.pos,
        head=chain.head.hash.hex(),
        verified=chain.ok and links.ok and not problems,
        problems=problems,
    )


def _runs(desk: Desk) -> dict[str, int]:
    from steersman.automation.queries import counts  # the name means something else in content

    found: Mapping[str, int] = counts(desk.db)
    failed = sum(n for status, n in found.items() if status in ("failed", "timed_out", "orphaned", "cancelled"))
    return {"succeeded": found.get("succeeded", 0), "failed": failed}


def peak_rss_mb() -> float:
    """Return the peak resident size of this process and of the largest of its children, together, in MB (1e6 bytes)."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return (own + child) * 1024 / 1e6


def _run_line(progress: Progress) -> Shown:
    if progress.outcome is None:
        return Shown(step=progress.automation, note=progress.note or progress.state)
    took = f"{progress.outcome.wall_s:.1f} s" if progress.outcome.ok else progress.outcome.reason
    return Shown(step=progress.automation, note=f"{progress.outcome.status}: {took}")


def _trade_line(progress: TradeProgress) -> Shown:
    return Shown(step="trade", note=progress.note, done=progress.done, total=progress.total or 0)
