"""What the first pass of one workspace learned, and how to tell it more."""

from __future__ import annotations

import msgspec

from steersman.bootstrap.desk import Desk
from steersman.content.drafts import read_draft
from steersman.content.model.draft import DraftUnreadable
from steersman.content.model.learning import Learned
from steersman.content.qa.learning import Flag, Judge
from steersman.content.queries import learning as queries
from steersman.content.queries import published


def learned(desk: Desk) -> Learned:
    """Return what verdicts and the operator said so far; writes nothing."""
    return Learned(
        tallies=queries.tallies(desk.db),
        silenced=queries.silenced(desk.db),
        dismissed=queries.dismissed(desk.db),
        explore_ratio=desk.workspace.content.qa.explore_ratio,
    )


def judge(desk: Desk, *, actor: str) -> Judge:
    """Return who records verdicts."""
    return Judge(ledger=desk.ledger, clock=desk.clock, actor=actor)


def settle(desk: Desk, *, actor: str) -> int:
    """Record what went out with findings open; return how many were new."""
    due = [Flag(**msgspec.structs.asdict(row)) for row in queries.due(desk.db)]
    number = judge(desk, actor=actor).settle(due) if due else 0
    if number:
        desk.refresh()
    return number


def published_texts(desk: Desk) -> dict[str, str]:
    """Return the prose of each draft that is out just as it lies on disk; one edited since proves no word."""
    root, qa = desk.workspace.root, desk.workspace.content.qa
    if not qa.vocabulary_posts:
        return {}
    texts = {}
    for name, versions in published(desk.db).items():
        try:
            draft = read_draft(root, name, qa)
        except DraftUnreadable:
            continue
        if draft.sha256 in versions:
            texts[name] = draft.masked.prose
    return texts
