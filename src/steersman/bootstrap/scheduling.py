"""The calendar of one workspace: what waits for a slot and who plans it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from steersman.bootstrap.content import publisher
from steersman.bootstrap.desk import Desk
from steersman.content.drafts import find_drafts, read_draft
from steersman.content.model.draft import Draft, DraftUnreadable
from steersman.content.publishing.due import instant_ns
from steersman.content.scheduling import Scheduler, Waiting
from steersman.content.scheduling.scheduler import replannable
from steersman.kernel.errors import Rejected


def scheduler(desk: Desk, *, actor: str) -> Scheduler:
    """Return who plans the posts of this workspace."""
    workspace = desk.workspace
    return Scheduler(
        ledger=desk.ledger,
        clock=desk.clock,
        settings=workspace.content.slots,
        tz=workspace.desk.tz,
        actor=actor,
    )


def waiting(desk: Desk, own: Scheduler, *, actor: str, only: str | None = None, again: bool = False) -> list[Waiting]:
    """Return the posts that may go out and have no time.

    Args:
        only: a channel.
        again: those too whose slot a plan chose before, and that are not out.
    """
    drafts = read(desk)
    found = [
        of(desk, drafts[intent.draft], intent.channel)
        for intent in publisher(desk, only=only, actor=actor).intents()
        if intent.needs_slot and intent.draft in drafts
    ]
    if again:
        known = {post.key for post in found}
        entries = replannable(own.standing.entries(only or ""))
        found += [of(desk, drafts[e.draft], e.channel) for e in entries if e.key not in known and e.draft in drafts]
    return found


def of(desk: Desk, draft: Draft, channel: str) -> Waiting:
    """Return a draft on a channel as a post that waits for a time."""
    return Waiting(
        key=f"{channel}/{draft.slug}",
        channel=channel,
        draft=draft.name,
        type=draft.type,
        not_before=instant_ns(draft.embargo, ZoneInfo(desk.workspace.desk.tz)),
        campaign=draft.campaign,
        order=draft.order,
    )


def read(desk: Desk) -> dict[str, Draft]:
    """Return every draft that can be read, by name."""
    root, qa = desk.workspace.root, desk.workspace.content.qa
    found = {}
    for name in find_drafts(root, qa):
        try:
            found[name] = read_draft(root, name, qa)
        except DraftUnreadable:
            continue  # its own check says so
    return found


def campaigns(desk: Desk) -> dict[str, tuple[str, int]]:
    """Return campaign and order of every post that has one, by key."""
    return {
        f"{channel}/{draft.slug}": (draft.campaign, draft.order)
        for draft in read(desk).values()
        if draft.campaign
        for channel in desk.workspace.content.channels
    }


def named(desk: Desk, own: Scheduler, name: str, channel: str | None) -> Waiting:
    """Return the one post that a person means: a draft, and a channel where it goes to several.

    Raises:
        Rejected: several channels; or it is out there already.
    """
    draft = read_draft(desk.workspace.root, name, desk.workspace.content.qa)
    declared = tuple(desk.workspace.content.channels)
    names = [n for n in (draft.channels or declared) if channel in (None, n)]
    if len(names) != 1:
        raise Rejected(f"{name} goes to {', '.join(names) or 'none of the channels'}", fix="name one with --channel")
    post = of(desk, draft, names[0])
    entry = own.standing.get(post.key)
    if entry is not None and entry.published_at is not None:
        raise Rejected(f"{name} is out on {names[0]} already", fix="`steersman content publish` updates it")
    return post
