"""Verdicts on findings: what a person says, what an edit or a publication lets conclude; recorded once each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from steersman.content.events.learning import RULE_RESET, RULE_SILENCED, STREAM, RuleDecided
from steersman.content.events.qa import (
    DRAFT_CHECKED,
    FINDING_ACCEPTED,
    FINDING_RAISED,
    FINDING_REJECTED,
    DraftChecked,
    FindingJudged,
    FindingRaised,
)
from steersman.content.model.finding import Finding
from steersman.content.model.learning import How, Outcome
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Rejected
from steersman.kernel.ids import stable_uuid
from steersman.ledger import Event, Ledger, NewEvent, new_event

_BATCH: Final = 500
_TYPES: Final = {"accepted": FINDING_ACCEPTED, "rejected": FINDING_REJECTED}


class Flag(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that was raised once, as the ledger knows it: place and rule, never the words."""

    draft: str
    fingerprint: str
    source: str
    rule: str
    category: str
    type: str


def verdict(flag: Flag, outcome: Outcome, how: How, *, at: int, actor: str, nth: int = 0) -> NewEvent:
    """Return the event of a verdict.

    Args:
        nth: how many verdicts there were before; a person may change their mind, anybody else says it once.
    """
    kind = _TYPES[outcome]
    return new_event(
        kind,
        id=stable_uuid(kind, flag.draft, flag.fingerprint, how, str(nth)),
        stream=f"draft/{flag.draft}",
        data=FindingJudged(
            draft=flag.draft,
            fingerprint=flag.fingerprint,
            source=flag.source,
            rule=flag.rule,
            category=flag.category,
            type=flag.type,
            how=how,
            at=at,
        ),
        actor=actor,
        now_ns=at,
    )


class Judge:
    """Records what a person, or what happened, says about findings and rules."""

    def __init__(self, *, ledger: Ledger, clock: Clock, actor: str) -> None:
        self._ledger = ledger
        self._clock = clock
        self._actor = actor

    def say(self, draft: str, fingerprint: str, outcome: Outcome, *, type_: str = "") -> None:
        """Record a person's verdict on a finding; saying the same again changes nothing.

        Args:
            type_: content type of the draft, for findings of the first version, which do not say it.

        Raises:
            Rejected: no such finding was ever raised about `draft`, or whoever acts is no person.
        """
        if not self._actor.startswith("person:"):
            raise Rejected(
                f"only a person judges a finding, not {self._actor}", fix="do it yourself, or in the console"
            )
        raised: FindingRaised | None = None
        said, number = "", 0
        for event in self._ledger.read(stream=f"draft/{draft}", types=(FINDING_RAISED, *_TYPES.values())):
            if event.type == FINDING_RAISED:
                found = msgspec.json.decode(event.data, type=FindingRaised)
                raised = found if found.fingerprint == fingerprint else raised
                continue
            judged = msgspec.json.decode(event.data, type=FindingJudged)
            if judged.fingerprint == fingerprint:
                number += 1
                said = event.type if judged.how == "person" else said
        if raised is None:
            raise Rejected(f"{draft} has no finding {fingerprint[:16]!r}", fix=f"steersman content show {draft}")
        if said != _TYPES[outcome]:
            now, flag = self._clock.now_ns(), _flag(raised, type_)
            self._ledger.append([verdict(flag, outcome, "person", at=now, actor=self._actor, nth=number)])

    def settle(self, due: Sequence[Flag]) -> int:
        """Record as rejected what went out as it was; return how many. Doing it again writes nothing."""
        now = self._clock.now_ns()
        events = [verdict(flag, "rejected", "published", at=now, actor=self._actor) for flag in due]
        for start in range(0, len(events), _BATCH):
            self._ledger.append(events[start : start + _BATCH])
        return len(events)

    def decide(self, rule: str, *, is_silent: bool) -> None:
        """Silence a rule, or forget all that was learned of it."""
        now = self._clock.now_ns()
        kind = RULE_SILENCED if is_silent else RULE_RESET
        data = RuleDecided(rule=rule, at=now)
        self._ledger.append([new_event(kind, stream=STREAM, data=data, actor=self._actor, now_ns=now)])


def edited_away(told: Iterable[Event], checked: DraftChecked, findings: Sequence[Finding]) -> list[Flag]:
    """Return the open findings of the version before that this version has no more, because its text was changed.

    A finding whose rule objects somewhere new in this version may only have moved to another sentence: it is not
    counted. Nor is any when the rules or the vocabulary are others than last time, or when it was judged before.

    Args:
        told: all that the ledger has of the draft.
        checked: the pass over the new version, not yet recorded; `findings`: what it found.
    """
    before: DraftChecked | None = None
    raised: dict[str, FindingRaised] = {}
    judged: set[str] = set()
    for event in told:
        if event.type == DRAFT_CHECKED:
            before = msgspec.json.decode(event.data, type=DraftChecked)
        elif event.type == FINDING_RAISED:
            found = msgspec.json.decode(event.data, type=FindingRaised)
            raised[found.fingerprint] = found
        elif event.type in (FINDING_ACCEPTED, FINDING_REJECTED):
            judged.add(msgspec.json.decode(event.data, type=FindingJudged).fingerprint)
    if before is None or before.content_sha256 == checked.content_sha256 or before.policy != checked.policy:
        return []
    seen = {one.fingerprint for one in before.seen}
    moved = Counter(one.rule for one in findings if one.fingerprint not in seen)
    still = {one.fingerprint for one in findings}
    gone = []
    for one in before.seen:
        if one.status != "open" or one.fingerprint in still or one.fingerprint not in raised:
            continue
        flag = _flag(raised[one.fingerprint], checked.type)
        if moved[flag.rule]:
            moved[flag.rule] -= 1
        elif one.fingerprint not in judged:
            gone.append(flag)
    return gone


def _flag(raised: FindingRaised, type_: str) -> Flag:
    return Flag(
        draft=raised.draft,
        fingerprint=raised.fingerprint,
        source=raised.source,
        rule=raised.rule,
        category=raised.category,
        type=raised.type or type_,
    )
