"""Ask reviewers about drafts, tell the ledger what came of it, and never take a failure for a clean draft."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from steersman.content.events.external import REVIEWER_FAILED, REVIEWER_SCORED, ReviewerFailed, ReviewerScored
from steersman.content.model.draft import Draft
from steersman.content.model.finding import Found
from steersman.content.ports import Review, Reviewer
from steersman.content.reviewers.scores import latest_scores
from steersman.kernel.clock import Clock
from steersman.kernel.errors import SteersmanError
from steersman.ledger import Ledger, new_event

# What a server says beside its status may quote what it was sent, and reasons are recorded.
_THEIR_WORDS: Final = re.compile(r"(answered \d{3}|refused \(\d{3}\)):.*", re.DOTALL)


class Sending(msgspec.Struct, frozen=True, kw_only=True):
    """A draft on its way to a reviewer. `asks_first`: it leaves the machine, and settings do not say that it may."""

    draft: str
    reviewer: str
    kind: str
    announcement: str
    asks_first: bool


class Reviewed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of asking one reviewer about one draft.

    Attributes:
        problem: why it said nothing, or not all; a draft with a problem was not found clean by this reviewer.
        is_known: these are the scores it gave this very version before; it was not asked again.
    """

    draft: str
    reviewer: str
    kind: str
    findings: int = 0
    scores: Mapping[str, float] = {}
    notes: tuple[str, ...] = ()
    problem: str = ""
    fix: str = ""
    is_known: bool = False


class Panel:
    """The reviewers that were asked for, as one engine of the first pass."""

    name = "reviewers"

    def __init__(
        self,
        reviewers: Sequence[Reviewer],
        *,
        ledger: Ledger,
        clock: Clock,
        actor: str,
        before: Callable[[Sending], bool],
        after: Callable[[Reviewed], None],
    ) -> None:
        """Set up; `before` says whether a draft may be sent, `after` hears what came of it."""
        self._reviewers = reviewers
        self._ledger = ledger
        self._clock = clock
        self._actor = actor
        self._before = before
        self._after = after

    def check(self, draft: Draft) -> list[Found]:
        return [one for reviewer in self._reviewers for one in self._ask(reviewer, draft)]

    def _ask(self, reviewer: Reviewer, draft: Draft) -> Sequence[Found]:
        outcome = Reviewed(draft=draft.name, reviewer=reviewer.name, kind=reviewer.kind)
        known = latest_scores(self._ledger, draft.name, reviewer.name)
        if known is not None and known.content_sha256 == draft.sha256:
            # A score is of a version: asking twice costs twice and says the same.
            self._after(msgspec.structs.replace(outcome, scores=known.scores, is_known=True))
            return ()
        try:
            sending = Sending(
                draft=draft.name,
                reviewer=reviewer.name,
                kind=reviewer.kind,
                announcement=reviewer.announcement(draft),
                asks_first=reviewer.asks_first,
            )
            if not self._before(sending):
                refused = "not asked: its text would leave this machine"
                fix = f"--yes, or remote = true in [reviewer.{reviewer.name}], if it may"
                self._after(msgspec.structs.replace(outcome, problem=refused, fix=fix))
                return ()
            review = reviewer.review(draft)
        except SteersmanError as exc:
            reason = _THEIR_WORDS.sub(r"\1", exc.message.removeprefix(f"{reviewer.name}: "))
            self._failed(reviewer, draft, reason)
            self._after(msgspec.structs.replace(outcome, problem=reason, fix=exc.fix))
            return ()
        self._record(reviewer, draft, review)
        self._after(
            msgspec.structs.replace(
                outcome,
                findings=len(review.found),
                scores=review.scores,
                notes=review.notes,
                problem=review.problem,
            )
        )
        return review.found

    def _record(self, reviewer: Reviewer, draft: Draft, review: Review) -> None:
        if review.scores:
            scored = ReviewerScored(
                draft=draft.name,
                content_sha256=draft.sha256,
                reviewer=reviewer.name,
                kind=reviewer.kind,
                scores=dict(review.scores),
                at=self._clock.now_ns(),
            )
            self._tell(REVIEWER_SCORED, scored)
        if review.problem:
            self._failed(reviewer, draft, review.problem)

    def _failed(self, reviewer: Reviewer, draft: Draft, reason: str) -> None:
        failed = ReviewerFailed(
            draft=draft.name, reviewer=reviewer.name, kind=reviewer.kind, reason=reason, at=self._clock.now_ns()
        )
        self._tell(REVIEWER_FAILED, failed)

    def _tell(self, kind: str, data: ReviewerScored | ReviewerFailed) -> None:
        stream = f"draft/{data.draft}"
        self._ledger.append([new_event(kind, stream=stream, data=data, actor=self._actor, now_ns=data.at)])
