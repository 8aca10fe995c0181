"""Looks at each post when it is 1 hour, 24 hours and 7 days old, as near to that as the desk was awake."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal

import msgspec

from steersman.content.events.engagement import AGES_S, ENGAGEMENT_OBSERVED, EngagementObserved
from steersman.content.events.publishing import POST_DELETED, POST_PUBLISHED, PostDeleted, PostPublished
from steersman.content.guarded import Guarded
from steersman.content.ports import Channel, Post
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured, Rejected, Unavailable
from steersman.kernel.ids import stable_uuid
from steersman.ledger import Event, Ledger, new_event

_NS: Final = 1_000_000_000
_LATE_RATIO: Final = 0.1
_LATE_LEAST_S: Final = 600
_ASK_AGAIN_S: Final = 300
_VIEWS: Final = frozenset({"views", "impressions", "reach", "clicks", "opens"})
_TYPES: Final = (POST_PUBLISHED, POST_DELETED, ENGAGEMENT_OBSERVED)


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one look: observed, gone (nothing to look at any more) or failed (asked again later)."""

    key: str
    age_s: int
    outcome: Literal["observed", "gone", "failed"]
    engagement: int = 0
    reason: str = ""


class _Out(msgspec.Struct, kw_only=True):
    """A post that is out, while it is followed."""

    key: str
    channel: str
    published_at: int
    seen: set[int]
    not_before: int = 0


def total(counts: Mapping[str, int]) -> int:
    """Return the engagement that is compared: everything a reader did; views and the like are none."""
    return sum(count for name, count in counts.items() if name not in _VIEWS)


def is_in_time(age_s: int, observed_age_s: float) -> bool:
    """Say whether a look at `observed_age_s` counts as one at `age_s`: up to a tenth, or ten minutes, later."""
    return age_s <= observed_age_s <= age_s + max(_LATE_LEAST_S, _LATE_RATIO * age_s)


class Snapshots:
    """Takes the looks that are due; each is recorded once, whoever takes it and however often."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        clock: Clock,
        channels: Mapping[str, Channel],
        post: Callable[[str], Post | None],
        actor: str = "desk",
    ) -> None:
        """Set up; `post` gives the post as it went out under a key, None if that is not known any more."""
        self._ledger = ledger
        self._clock = clock
        self._channels = {name: Guarded(c, name) for name, c in channels.items() if c.limits.has_engagement}
        self._post = post
        self._actor = actor
        self._read = 0
        self._out: dict[str, _Out] = {}

    def tick(self) -> list[Look]:
        """Take every look that is due now; one that fails does not stop the others."""
        self._follow()
        looks = []
        for out, age_s in list(self._due(self._clock.now_ns())):
            looks.append(self._look(out, age_s))
        return looks

    def _due(self, now: int) -> Iterator[tuple[_Out, int]]:
        for out in self._out.values():
            if out.channel not in self._channels or now < out.not_before:
                continue
            for age_s in AGES_S:
                # A look that comes too late says something about another age: it is left out, never passed off.
                if age_s not in out.seen and is_in_time(age_s, (now - out.published_at) / _NS):
                    yield out, age_s

    def _look(self, out: _Out, age_s: int) -> Look:
        post = self._post(out.key)
        if post is None:
            out.seen.add(age_s)
            return Look(
                key=out.key, age_s=age_s, outcome="gone", reason="what went out under this key is not kept here"
            )
        try:
            found = self._channels[out.channel].engagement(post)
        except (Unavailable, Misconfigured, Rejected) as exc:
            out.not_before = self._clock.now_ns() + _ASK_AGAIN_S * _NS
            return Look(key=out.key, age_s=age_s, outcome="failed", reason=exc.message)
        out.seen.add(age_s)
        if found is None:
            return Look(key=out.key, age_s=age_s, outcome="gone", reason="the channel shows no such post")
        now = self._clock.now_ns()
        observed = EngagementObserved(
            key=out.key,
            channel=out.channel,
            type=post.type,
            published_at=out.published_at,
            age_s=age_s,
            observed_age_s=round((now - out.published_at) / _NS),
            counts=dict(found.counts),
            engagement=total(found.counts),
            at=now,
        )
        self._record(observed)
        return Look(key=out.key, age_s=age_s, outcome="observed", engagement=observed.engagement)

    def _record(self, observed: EngagementObserved) -> None:
        # Another process may have taken this look too: the ledger keeps the first event of an id.
        event = new_event(
            ENGAGEMENT_OBSERVED,
            id=stable_uuid(ENGAGEMENT_OBSERVED, observed.key, str(observed.age_s), str(observed.published_at)),
            stream=f"post/{observed.key}",
            data=observed,
            actor=self._actor,
            now_ns=observed.at,
        )
        self._ledger.append([event])

    def _follow(self) -> None:
        for event in self._ledger.read(after=self._read, types=_TYPES):
            self._read = event.pos
            self._step(event)

    def _step(self, event: Event) -> None:
        if event.type == POST_PUBLISHED:
            said = msgspec.json.decode(event.data, type=PostPublished)
            if said.key not in self._out:
                self._out[said.key] = _Out(key=said.key, channel=said.channel, published_at=said.at, seen=set())
        elif event.type == POST_DELETED:
            self._out.pop(msgspec.json.decode(event.data, type=PostDeleted).key, None)
        else:
            observed = msgspec.json.decode(event.data, type=EngagementObserved)
            out = self._out.get(observed.key)
            if out is not None and out.published_at == observed.published_at:
                out.seen.add(observed.age_s)
