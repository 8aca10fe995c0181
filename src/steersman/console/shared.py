"""Shared logins and data: how each is, who uses it, and what sharing saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from steersman.bootstrap.desk import Desk
from steersman.bootstrap.services import Services
from steersman.console.drawing import day_bars, freshness
from steersman.console.when import span
from steersman.kernel.clock import utc
from steersman.kernel.errors import SteersmanError
from steersman.services.commons import CommonsReport
from steersman.services.credentials import queries as logins
from steersman.services.credentials.queries import ProviderUse, ScriptUse
from steersman.services.ports import ProviderStatus, PullStatus
from steersman.services.pulls import history
from steersman.services.pulls import queries as data
from steersman.services.pulls.history import Day, LastReceipt, Refused
from steersman.services.pulls.queries import PullFigures, ReaderFigures

_DAYS: Final = 14


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A declared login and what it was used for; `use` is None before the first lease."""

    status: ProviderStatus
    use: ProviderUse | None


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """The page.

    Attributes:
        receipts: the latest of each pull, by name; `ages` how old that is against what is allowed, drawn.
        refused: what lies in quarantine, the latest first.
        days: calls asked and saved on the last days of UTC, oldest first; `days_drawn` shows them.
        commons: what other machines share with this one, as of a moment ago; None: nothing, or not looked at yet.
        problem: why the declared ones cannot be looked at, empty if they can.
    """

    logins: tuple[Login, ...]
    pulls: tuple[PullStatus, ...]
    figures: dict[str, PullFigures]
    totals: PullFigures
    logins_saved: int
    borrowers: tuple[ScriptUse, ...]
    readers: tuple[ReaderFigures, ...]
    receipts: dict[str, LastReceipt]
    ages: dict[str, str]
    refused: tuple[Refused, ...]
    days: tuple[Day, ...]
    days_drawn: str
    problem: str = ""
    commons: CommonsReport | None = None


def look(desk: Desk, services: Services) -> Shared:
    """Read the page: nobody is asked for anything, and no secret is looked up.

    `services` are the same for every reading: what they have counted they need not count again.
    """
    uses = {use.provider: use for use in logins.by_provider(desk.db)}
    statuses: list[ProviderStatus] = []
    pulls: list[PullStatus] = []
    problem, commons = "", None
    try:
        watch = services.commons_watch
        commons = watch.latest() if watch else None
        statuses = services.credentials.status() if desk.workspace.providers else []
        pulls = services.pulls.status() if desk.workspace.pulls.pulls else []
    except SteersmanError as exc:
        problem = f"{exc.message}: {exc.fix}" if exc.fix else exc.message
    return Shared(
        logins=tuple(Login(status=s, use=uses.get(s.provider)) for s in statuses),
        pulls=tuple(pulls),
        figures={figures.pull: figures for figures in data.pulls(desk.db)},
        totals=data.totals(desk.db),
        logins_saved=logins.logins_saved(desk.db),
        borrowers=tuple(logins.by_script(desk.db)),
        readers=tuple(data.by_reader(desk.db)),
        receipts=(receipts := history.receipts(desk.db)),
        ages=dict(_ages(desk, receipts)),
        refused=tuple(history.refused(desk.db)),
        days=(days := tuple(history.days(desk.db, until_ns=desk.clock.now_ns(), count=_DAYS))),
        days_drawn=_drawn(days),
        problem=problem,
        commons=commons,
    )


def _ages(desk: Desk, receipts: Mapping[str, LastReceipt]) -> Iterator[tuple[str, str]]:
    for name, pull in desk.workspace.pulls.pulls.items():
        receipt = receipts.get(name)
        if receipt is None or pull.http_cache:
            continue  # what the answer itself allows is not known here
        age_s = (desk.clock.now_ns() - receipt.pulled_at) / 1e9
        parts = [f"{span(age_s)} old, fresh for {span(pull.ttl_s)}"]
        if pull.stale_while_revalidate_s:
            parts.append(f"then served while it is asked anew for {span(pull.stale_while_revalidate_s)}")
        if pull.stale_if_error_s:
            parts.append(f"on errors for {span(pull.stale_if_error_s)} more than fresh")
        drawn = freshness(
            age_s, pull.ttl_s, pull.stale_while_revalidate_s, pull.stale_if_error_s, label=", ".join(parts)
        )
        yield name, drawn


def _drawn(days: Sequence[Day]) -> str:
    shown = [(f"{utc(d.at):%a %-d %b}", d.upstream_calls, d.calls_saved) for d in days]
    total = sum(d.calls_saved for d in days)
    return day_bars(shown, label=f"Calls of the last {len(days)} days: {total:,} saved, as listed below")
