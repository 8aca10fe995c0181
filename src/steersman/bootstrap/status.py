"""The desk at a glance: what runs, what waits, what is halted."""

from __future__ import annotations

import msgspec

from steersman.automation import queries as automation
from steersman.automation.control.pauses import Pauses
from steersman.bootstrap import notice_status as notices
from steersman.bootstrap import presence
from steersman.bootstrap.access import CoreTrouble, core_trouble
from steersman.bootstrap.deadlines import overdue_now
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.engines import engine_trouble, manifest_of
from steersman.bootstrap.policy_file import edit_trouble
from steersman.content import queries as content
from steersman.kernel.clock import on_the_wall
from steersman.services.reauth import wanting_a_person
from steersman.trading import queries as trading


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What `steersman status` shows.

    Attributes:
        core: whether it answers; `core_trouble` says why not.
        console: URL, None when nobody serves it.
        policy_differs: steersman.toml says something else than what is in force; a running core takes it in a second.
        feeds: name -> in words how far it is.
        waiting: holds that nobody answered.
        refused: why steersman.toml as it stands now is not in force; empty if it is.
        paused: automations that are held back (`*`: all) -> by whom, until when and why.
        logins: providers that a person must log in to again.
        failing: automation whose latest run did not succeed -> when that was and why.
        late: automation -> what it should have done by its deadline and has not.
        untold: target -> why the last message did not arrive there.
        overdue: posts that should be out, and why they are not.
        publishing: what is wrong with the worker that publishes; empty if nothing is.
        venues: name -> mode, and why it takes no order if it takes none.
    """

    name: str
    core: bool
    core_trouble: CoreTrouble | None
    console: str | None
    halted: dict[str, str]
    policy_version: int
    policy_differs: bool
    feeds: dict[str, str]
    strategies_disabled: dict[str, str]
    venues: dict[str, str]
    equity: str | None
    verdicts: dict[str, int]
    waiting: int
    runs: dict[str, int]
    engine: str
    refused: str
    paused: dict[str, str]
    logins: tuple[str, ...]
    failing: dict[str, str]
    late: dict[str, str]
    untold: dict[str, str]
    drafts: int
    blocked: int
    published: int
    overdue: tuple[str, ...]
    publishing: str
    events: int


def look(desk: Desk) -> Status:
    """Read the status of an opened desk."""
    from steersman.policy.store import history  # only this compares the file with what is in force

    db, workspace = desk.db, desk.workspace
    served, trouble = presence.find(workspace.presence), core_trouble(workspace.socket)
    versions = history(desk.ledger)
    account = trading.account(db)
    counted = content.counts(db)
    return Status(
        name=workspace.desk.name,
        core=trouble is None,
        core_trouble=trouble,
        console=served.url if served else None,
        halted=dict(desk.halts.reasons),
        policy_version=desk.policy.version,
        policy_differs=bool(versions) and versions[-1][1].values != workspace.policy,
        feeds={feed.feed: _feed(feed) for feed in trading.feed_status(db)},
        strategies_disabled={s.strategy: s.reason for s in trading.strategies_status(db) if s.disabled},
        venues=_venues(desk),
        equity=None if account is None else f"{account.equity:,.2f} {workspace.desk.currency}",
        verdicts=trading.verdict_counts(db),
        waiting=len(trading.holds(db, now_ns=desk.time_ns(), open_only=True)),
        runs=automation.counts(db),
        engine=workspace.engine.kind + (f": {stands}" if (stands := engine_trouble(desk.ledger)) else ""),
        refused=edit_trouble(workspace.root, desk.ledger),
        paused=Pauses(desk.ledger, tz=workspace.desk.tz).now().standing(desk.clock.now_ns()),
        logins=wanting_a_person(desk.ledger, among=desk.workspace.providers),
        failing={name: _failed(run, workspace.desk.tz) for name, run in _failing(desk).items()},
        late=overdue_now(desk),
        untold={name: why for name in desk.workspace.notify if (why := notices.status(desk, name).problem)},
        drafts=counted.drafts,
        blocked=counted.blocked,
        published=counted.published,
        overdue=tuple(f"{post.draft} on {post.channel}: {post.overdue_reason}" for post in content.overdue(db)),
        publishing=worker.reason if (worker := content.worker(db)) and worker.silent else "",
        events=desk.ledger.head().pos,
    )


def _failing(desk: Desk) -> dict[str, automation.Run]:
    return automation.failing(desk.db, manifest_of(desk.workspace))


def _failed(run: automation.Run, tz: str) -> str:
    how = run.status.replace("_", " ")
    return f"{how}, started {on_the_wall(run.started_at, tz)}" + (f": {run.last.error}" if run.last.error else "")


def _venues(desk: Desk) -> dict[str, str]:
    from steersman.bootstrap.venues import Arming  # only a status and the core ask

    arming = Arming(desk.ledger)
    return {
        name: f"{'LIVE' if settings.mode == 'live' else settings.mode}"
        + (f": {why}" if (why := arming.why_not(name, settings)) else "")
        for name, settings in desk.workspace.trading.venues.items()
    }


def _feed(feed: trading.FeedStatus) -> str:
    refused = f", {feed.rejected:,} refused" if feed.rejected else ""
    return f"{'finished' if feed.finished else 'running'}: {feed.accepted:,} bars{refused}"
