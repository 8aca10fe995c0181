"""Shared logins and data: how each is, who uses it, and what sharing saved."""

from __future__ import annotations

import msgspec

from steersman.bootstrap.desk import Desk
from steersman.bootstrap.services import Services
from steersman.kernel.errors import SteersmanError
from steersman.services.credentials import queries as logins
from steersman.services.credentials.queries import ProviderUse, ScriptUse
from steersman.services.ports import ProviderStatus, PullStatus
from steersman.services.pulls import queries as data
from steersman.services.pulls.queries import PullFigures, ReaderFigures


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A declared login and what it was used for; `use` is None before the first lease."""

    status: ProviderStatus
    use: ProviderUse | None


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """The page. `problem` says why the declared ones cannot be looked at, empty if they can."""

    logins: tuple[Login, ...]
    pulls: tuple[PullStatus, ...]
    figures: dict[str, PullFigures]
    totals: PullFigures
    logins_saved: int
    borrowers: tuple[ScriptUse, ...]
    readers: tuple[ReaderFigures, ...]
    problem: str = ""


def look(desk: Desk, services: Services) -> Shared:
    """Read the page: nobody is asked for anything, and no secret is looked up.

    `services` are the same for every reading: what they have counted they need not count again.
    """
    uses = {use.provider: use for use in logins.by_provider(desk.db)}
    statuses: list[ProviderStatus] = []
    pulls: list[PullStatus] = []
    problem = ""
    try:
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
        problem=problem,
    )
