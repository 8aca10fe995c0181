"""The first pass and the publisher of one workspace, put together from its settings."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path

import msgspec

from steersman.bootstrap import first_pass, learning
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.plugins import factory
from steersman.bootstrap.reviewing import score_gates, with_score_gate
from steersman.content.drafts import find_draft, read_draft
from steersman.content.ports import Channel, Checker, Clearance
from steersman.content.publishing.publisher import ChannelRules, Publisher
from steersman.content.publishing.variants import Variant
from steersman.content.qa.baseline import path_of, read_baseline
from steersman.content.qa.checker import DraftChecker
from steersman.content.review.asking import draft_of
from steersman.content.review.clearance import ReviewClearance
from steersman.content.review.flow import Reviews, Round
from steersman.content.review.kept import Kept
from steersman.content.settings.channels import check_declared
from steersman.kernel.errors import Misconfigured, Rejected
from steersman.kernel.references import resolve


def actor() -> str:
    """Return who is at work: the run this command is the script of, or the person who typed it."""
    run = os.environ.get("STEERSMAN_RUN_ID")
    return f"automation:{run}" if run else "person:cli"


def checker(desk: Desk, *, actor: str, extra: Sequence[Checker] = ()) -> DraftChecker:
    """Return the first pass of this workspace; `extra` engines (a model, reviewers) are those somebody asked for."""
    root, qa = desk.workspace.root, desk.workspace.content.qa
    packs = first_pass.packs(desk)
    return DraftChecker(
        root=root,
        settings=first_pass.with_gates(with_score_gate(qa), packs),
        ledger=desk.ledger,
        clock=desk.clock,
        actor=actor,
        reading=desk.reading,
        extra=(*first_pass.styles(desk, packs), *extra, *score_gates(desk)),
        baseline=read_baseline(path_of(root, qa.folder)),
        learned=learning.learned(desk),
        published=learning.published_texts(desk),
    )


def channels(desk: Desk) -> dict[str, Channel]:
    """Return the declared channels; no one is called yet.

    Raises:
        Misconfigured: a secret that one of them needs cannot be read; names the channel.
    """
    return {name: channel(desk, name) for name in desk.workspace.content.channels}


def channel(desk: Desk, name: str) -> Channel:
    """Return one declared channel; it is not called yet.

    Raises:
        Misconfigured: a secret that it needs cannot be read; names the channel.
    """
    root, settings = desk.workspace.root, desk.workspace.content.channels[name]
    try:
        made: Channel = factory("channels", settings.kind)(
            settings=settings, root=root, secret=partial(resolve, root=root)
        )
    except Misconfigured as exc:
        raise Misconfigured(f"[channel.{name}]: {exc.message}", fix=exc.fix) from exc
    return made


def publisher(desk: Desk, *, only: str | None, actor: str) -> Publisher:
    """Return the publisher of this workspace; with `only`, it does nothing on the other channels.

    Raises:
        Misconfigured: `only` is not declared, or a channel cannot be set up.
    """
    check_declared(only, desk.workspace.content.channels)
    usable, problems = usable_channels(desk)
    if only is not None and only in problems:
        raise problems[only]
    return Publisher(
        checker=checker(desk, actor=actor),
        ledger=desk.ledger,
        clock=desk.clock,
        channels=usable,
        rules=rules(desk, problems),
        clearance=clearance(desk),
        tz=desk.workspace.desk.tz,
        only=only,
        actor=actor,
        waits_for_slots=desk.workspace.content.slots.automatic,
    )


def previews(desk: Desk, draft: Path, *, only: str | None) -> list[Variant]:
    """Return what each channel would be shown of `draft`, or just `only`; calls nobody.

    Raises:
        Misconfigured: no such draft or channel, or a channel cannot be set up.
        DraftUnreadable: it is no draft.
    """
    root, qa = desk.workspace.root, desk.workspace.content.qa
    found = publisher(desk, only=only, actor=actor()).variants(read_draft(root, find_draft(root, qa, draft), qa))
    return [one for one in found if only in (None, one.channel)]


def usable_channels(desk: Desk) -> tuple[dict[str, Channel], dict[str, Misconfigured]]:
    """Return the declared channels, and why some cannot be set up: one of those keeps nothing from the others."""
    found: dict[str, Channel] = {}
    problems: dict[str, Misconfigured] = {}
    for name in desk.workspace.content.channels:
        try:
            found[name] = channel(desk, name)
        except Misconfigured as exc:
            found[name], problems[name] = factory("channels", "memory")(), exc
    return found, problems


def rules(desk: Desk, problems: Mapping[str, Misconfigured]) -> dict[str, ChannelRules]:
    """Return what the settings of each channel say whatever its kind."""
    return {
        name: ChannelRules(
            types=settings.types,
            link=settings.link,
            settings_sha256=hashlib.sha256(msgspec.json.encode(settings)).hexdigest(),
            problem=f"{wrong.message}; {wrong.fix}" if (wrong := problems.get(name)) else "",
        )
        for name, settings in desk.workspace.content.channels.items()
    }


def clearance(desk: Desk) -> Clearance:
    """Return what people must have approved before a draft of this workspace goes out."""
    return ReviewClearance(desk.ledger, desk.workspace.content.review)


def kept(desk: Desk) -> Kept:
    """Return the words of remarks and the versions that were reviewed, as this workspace keeps them."""
    return Kept(desk.workspace.state)


def reviews(desk: Desk, *, actor: str) -> Reviews:
    """Return the review of this workspace's drafts, for `actor`; the first pass loads when a draft is checked."""
    loaded = cache(lambda: checker(desk, actor=actor))
    return Reviews(
        root=desk.workspace.root,
        settings=desk.workspace.content.qa,
        ledger=desk.ledger,
        clock=desk.clock,
        kept=kept(desk),
        first_pass=lambda draft: loaded().check_draft(draft),
        actor=actor,
    )


def answer_review(desk: Desk, approval_id: str, *, grant: bool, reason: str, by: str) -> Round:
    """Decide about a draft from the inbox: `grant` approves it, else it goes back with `reason` as a remark.

    Raises:
        Rejected: nothing of that name waits, the file changed since, or `by` is no person.
    """
    found = draft_of(approval_id)
    if found is None:
        raise Rejected(f"there is no review {approval_id!r}", fix="`steersman inbox list` names those that wait")
    name, round_ = found
    acts = reviews(desk, actor=by)
    if not grant:
        return acts.return_(name, text=reason, round_=round_)
    if reason.strip():
        raise Rejected("an approval of a draft takes no reason", fix=f"say it as a remark: content remark {name}")
    return acts.approve(name, round_=round_)
