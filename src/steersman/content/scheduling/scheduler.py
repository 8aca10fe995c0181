"""Gives waiting posts their slots: learned from what was observed, within the rules, each chance recorded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from steersman.content.engagement.history import History
from steersman.content.events.publishing import (
    POST_SCHEDULED,
    POST_UNSCHEDULED,
    PostScheduled,
    PostUnscheduled,
)
from steersman.content.model.walltime import instant_again, resolve
from steersman.content.scheduling.standing import Entry, Standing
from steersman.content.settings.slots import SlotSettings
from steersman.content.slots import Forecast, Observation, Placed, Taken, WaitingPost, fit
from steersman.content.slots.calendar import candidates, slot_at
from steersman.content.slots.constraints import Constraints, constraints_of, objection
from steersman.content.slots.planner import NoPlan, Plan, plan
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured, Rejected
from steersman.ledger import Ledger, new_event

_DAY_NS: Final = 86_400_000_000_000
PLANNED: Final = ("best", "random", "spread")
"""How a slot was given that a plan chose, and no person."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A post that may go out and has no time.

    Attributes:
        not_before: embargo, ns since 1970 UTC.
    """

    key: str
    channel: str
    draft: str
    type: str
    not_before: int | None = None
    campaign: str = ""
    order: int = 0


class Unplaced(msgspec.Struct, frozen=True, kw_only=True):
    """A channel whose posts could not all be placed: which one was left over, why, and what to change."""

    channel: str
    key: str
    reason: str
    fix: str


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """Slots for the waiting posts of one channel; nothing of it holds before it is accepted.

    Attributes:
        versions: of each post's stream as it was read: one that changed since is not scheduled.
    """

    channel: str
    plan: Plan
    drafts: dict[str, str]
    types: dict[str, str]
    versions: dict[str, int]


class Scheduler:
    """Plans and keeps the calendar of one workspace."""

    def __init__(self, *, ledger: Ledger, clock: Clock, settings: SlotSettings, tz: str, actor: str) -> None:
        """Set up; what was observed and what stands is read when it is first asked for, and followed from then on."""
        self._ledger = ledger
        self._clock = clock
        self._settings = settings
        self._tz = tz
        self._actor = actor
        self.history = History(ledger)
        self.standing = Standing(ledger)
        self._models: dict[tuple[str, str], tuple[object, Forecast]] = {}

    def rules(self, channel: str) -> Constraints:
        """Return what slots of a channel must keep to."""
        return constraints_of(self._settings, channel, self._tz)

    def model(self, channel: str) -> Forecast:
        """Return what is expected on a channel; made again when something was observed or a day has passed."""
        age_s = self.history.age(channel)
        seen = self.history.observations(channel, age_s)
        now = self._clock.now_ns()
        version = (age_s, len(seen), sum(one.at for one in seen), now // _DAY_NS)
        known = self._models.get((channel, self._tz))
        if known is None or known[0] != version:
            observed = [
                Observation(
                    type=one.type,
                    channel=channel,
                    published_at=one.published_at,
                    engagement=float(one.engagement),
                    age_s=age_s,
                    key=one.key,
                )
                for one in seen
            ]
            known = (version, fit(observed, channel=channel, tz=self._tz, now=now, age_s=age_s))
            self._models[channel, self._tz] = known
        return known[1]

    def propose(
        self, waiting: Sequence[Waiting], campaigns: Mapping[str, tuple[str, int]]
    ) -> list[Proposal | Unplaced]:
        """Return slots for the posts that wait, channel by channel.

        Args:
            campaigns: campaign and order of every post that has one, by key: those in the calendar hold later parts
                back too.
        """
        channels = list(dict.fromkeys(post.channel for post in waiting))
        return [self._propose(name, [p for p in waiting if p.channel == name], campaigns) for name in channels]

    def accept(self, proposal: Proposal) -> list[PostScheduled]:
        """Record the slots of a proposal.

        Raises:
            Conflict: something was said about one of its posts since it was made; those before it are scheduled.
        """
        return [self._record(proposal, placed) for placed in proposal.plan.placed]

    def put(self, post: Waiting, wall: str) -> PostScheduled:
        """Give `post` the time a person chose, `2026-12-01T09:00` on the wall.

        Raises:
            Misconfigured: `wall` is not written as a time on the wall.
            Rejected: a time that is past or that the clocks skip, or one before its embargo.
        """
        try:
            when = dt.datetime.fromisoformat(wall).replace(second=0, microsecond=0)
        except ValueError as exc:
            raise Misconfigured(
                f"found {wall!r}, allowed: a time like 2026-12-01T09:00", fix="write date and time"
            ) from exc
        if when.tzinfo is not None:
            raise Misconfigured(
                f"found {wall!r}, allowed: a time on the wall of {self._tz}", fix="leave its offset from UTC out"
            )
        found = resolve(when, ZoneInfo(self._tz))
        if found.how == "skipped":
            raise Rejected(f"{wall} does not exist in {self._tz}: the clocks skip it", fix="choose another time")
        if found.at <= self._clock.now_ns():
            raise Rejected(f"{wall} in {self._tz} is past", fix="choose a later time, or publish it now")
        if post.not_before is not None and found.at < post.not_before:
            raise Rejected(f"{wall} is before its embargo", fix="choose a later time, or take the embargo out")
        slot = slot_at(found.at, self._tz)
        others = self._taken(post.channel, {}, without=post.key)
        breaks = objection(slot, _waiting(post), others, self.rules(post.channel))
        reason = "a person chose it" if breaks is None else f"a person chose it, although it is {breaks.text}"
        event = PostScheduled(
            key=post.key,
            channel=post.channel,
            draft=post.draft,
            type=post.type,
            wall=slot.wall,
            tz=slot.tz,
            due_at=slot.at,
            how="person",
            at=self._clock.now_ns(),
            reason=reason,
        )
        self._append(POST_SCHEDULED, event, self._version(post.key))
        return event

    def clear(self, key: str, reason: str) -> PostUnscheduled:
        """Take the time of a post away.

        Raises:
            Rejected: it has none, or is out already.
        """
        entry = self.standing.get(key)
        if entry is None or entry.scheduled is None:
            raise Rejected(f"{key} has no time", fix="`steersman content calendar` shows those that have")
        if entry.published_at is not None:
            raise Rejected(f"{key} is out already", fix="`steersman content unpublish` takes it away")
        event = PostUnscheduled(
            key=key, channel=entry.channel, draft=entry.draft, reason=reason, at=self._clock.now_ns()
        )
        self._append(POST_UNSCHEDULED, event, self._version(key))
        return event

    # -- inside --------------------------------------------------------------------------------------------------

    def _propose(
        self, channel: str, posts: Sequence[Waiting], campaigns: Mapping[str, tuple[str, int]]
    ) -> Proposal | Unplaced:
        rules, now = self.rules(channel), self._clock.now_ns()
        moved = {post.key for post in posts}
        taken = [one for one in self._taken(channel, campaigns) if one.key not in moved]
        try:
            found = plan(
                [_waiting(post) for post in posts],
                candidates(rules, now),
                self.model(channel),
                rules,
                seed=self._settings.seed,
                taken=taken,
            )
        except NoPlan as exc:
            return Unplaced(channel=channel, key=exc.post, reason=exc.message, fix=exc.fix)
        return Proposal(
            channel=channel,
            plan=found,
            drafts={post.key: post.draft for post in posts},
            types={post.key: post.type for post in posts},
            versions={post.key: self._version(post.key) for post in posts},
        )

    def _taken(self, channel: str, campaigns: Mapping[str, tuple[str, int]], *, without: str = "") -> list[Taken]:
        since = self._clock.now_ns() - 2 * _DAY_NS  # the gap and the cap of today look back no further
        found = []
        for entry in self.standing.entries(channel):
            at = stands_at(entry)
            campaign, order = campaigns.get(entry.key, ("", 0))
            if entry.key != without and (at >= since or campaign):
                found.append(Taken(key=entry.key, at=at, campaign=campaign, order=order))
        return found

    def _record(self, proposal: Proposal, placed: Placed) -> PostScheduled:
        expected = placed.expected
        event = PostScheduled(
            key=placed.key,
            channel=proposal.channel,
            draft=proposal.drafts[placed.key],
            type=proposal.types[placed.key],
            wall=placed.slot.wall,
            tz=placed.slot.tz,
            due_at=placed.slot.at,
            how=placed.how,
            at=self._clock.now_ns(),
            propensity=placed.propensity,
            at_best=placed.at_best,
            expected=None if expected is None else expected.mean,
            low=None if expected is None else expected.low,
            high=None if expected is None else expected.high,
            n=0 if expected is None else expected.n,
            candidates=placed.candidates,
            reason=placed.reason,
        )
        self._append(POST_SCHEDULED, event, proposal.versions[placed.key])
        return event

    def _version(self, key: str) -> int:
        return self._ledger.stream_version(f"post/{key}")

    def _append(self, kind: str, data: PostScheduled | PostUnscheduled, version: int) -> None:
        event = new_event(kind, stream=f"post/{data.key}", data=data, actor=self._actor, now_ns=data.at)
        self._ledger.append([event], expect=version)


def stands_at(entry: Entry) -> int:
    """Return the instant of an entry: when it went out, else when its wall time is by today's rules."""
    if entry.published_at is not None:
        return entry.published_at
    if entry.scheduled is None:  # pragma: no cover - an entry has one or the other
        raise AssertionError(f"{entry.key} stands nowhere")
    return instant_again(entry.scheduled.wall, entry.scheduled.tz, entry.scheduled.due_at)


def replannable(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries whose slot a plan chose and that are not out: those that may be planned again."""
    return [e for e in entries if e.published_at is None and e.scheduled is not None and e.scheduled.how in PLANNED]


def _waiting(post: Waiting) -> WaitingPost:
    return WaitingPost(
        key=post.key, type=post.type, not_before=post.not_before, campaign=post.campaign, order=post.order
    )
