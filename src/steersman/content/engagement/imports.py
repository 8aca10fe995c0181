"""Figures of posts from elsewhere, once: a file that was read before, or a post it shares with one, changes nothing."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from steersman.content.events.engagement import (
    ENGAGEMENT_IMPORTED,
    ENGAGEMENT_OBSERVED,
    EngagementImported,
    EngagementObserved,
)
from steersman.content.slots.importing import Imported
from steersman.content.slots.model import Observation
from steersman.kernel.clock import Clock
from steersman.kernel.ids import stable_uuid
from steersman.ledger import Ledger, NewEvent, new_event

_BATCH: Final = 500
_TOLD: Final = 10


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did: `recorded` posts are new; `known` ones were there with the same figures."""

    channel: str
    age_s: int
    recorded: int
    known: int
    skipped: int
    problems: tuple[str, ...]


def record(
    imported: Imported, raw: bytes, *, channel: str, age_s: int, ledger: Ledger, clock: Clock, actor: str
) -> Taken:
    """Record every post of a file that was read, in batches; a crash half-way is mended by importing it again."""
    now = clock.now_ns()
    recorded = 0
    for start in range(0, len(imported.observations), _BATCH):
        batch = [_event(seen, channel, age_s, actor, now) for seen in imported.observations[start : start + _BATCH]]
        recorded += len(batch) - ledger.append(batch).repeated
    problems = tuple(str(problem) for problem in imported.problems)
    said = EngagementImported(
        channel=channel,
        file_sha256=hashlib.sha256(raw).hexdigest(),
        rows=len(imported.observations),
        skipped=len(problems),
        problems=problems[:_TOLD],
        at=now,
    )
    event = new_event(ENGAGEMENT_IMPORTED, stream=f"engagement/{channel}", data=said, actor=actor, now_ns=now)
    ledger.append([event])
    return Taken(
        channel=channel,
        age_s=age_s,
        recorded=recorded,
        known=len(imported.observations) - recorded,
        skipped=len(problems),
        problems=problems,
    )


def _event(seen: Observation, channel: str, age_s: int, actor: str, now: int) -> NewEvent:
    key = f"{channel}/{seen.key or _fingerprint(seen)}"
    data = EngagementObserved(
        key=key,
        channel=channel,
        type=seen.type,
        published_at=seen.published_at,
        age_s=age_s,
        observed_age_s=age_s,
        counts={"imported": round(seen.engagement)},
        engagement=round(seen.engagement),
        at=now,
    )
    return new_event(
        ENGAGEMENT_OBSERVED,
        # Other figures of the same post are another event: the last one counts.
        id=stable_uuid(ENGAGEMENT_OBSERVED, key, str(age_s), str(seen.published_at), str(round(seen.engagement))),
        stream=f"engagement/{channel}",
        data=data,
        actor=actor,
        now_ns=now,
    )


def _fingerprint(seen: Observation) -> str:
    return hashlib.sha256(msgspec.json.encode(seen)).hexdigest()[:16]
