"""The slow tier of the first pass: a model reads part by part, and what it says becomes findings or is dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal

import msgspec

from steersman.ai import Asker, Plan, Prompt
from steersman.content.llm.answers import Remarks
from steersman.content.llm.remarks import Refused, sift
from steersman.content.model.chunks import chunks
from steersman.content.model.draft import Draft
from steersman.content.model.finding import Found
from steersman.content.model.mask import Span
from steersman.kernel.errors import Misconfigured, SteersmanError, Unavailable


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """What reading a draft would cost, said before it is read. `parts` of it would be asked, `known` are remembered.

    Amounts in `currency`: `likely`, the `most` it can be, and what is `spent` of today's `budget`.
    """

    draft: str
    model: str
    address: str
    is_local: bool
    parts: int
    known: int
    likely: Decimal
    most: Decimal
    spent: Decimal
    budget: Decimal
    currency: str
    redacted: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What reading a draft brought.

    Attributes:
        findings: remarks that were located in the draft.
        dropped: remarks without a place, by reason; `refused`: replacements that would have changed what they may not.
        asked: parts that were answered; `unread` parts were not, for the reasons in `problems`.
        cost: of this reading, in `currency`.
    """

    draft: str
    source: str
    model: str
    findings: int
    dropped: dict[str, int]
    refused: tuple[Refused, ...]
    asked: int
    unread: int
    problems: tuple[str, ...]
    cost: Decimal
    currency: str


class LlmChecker:
    """Reads drafts with one model. What it says is advice: its categories are no gates.

    A part that cannot be read (budget reached, no answer) leaves the others read, and is said in the outcome.
    """

    def __init__(
        self,
        asker: Asker,
        prompt: Prompt,
        *,
        name: str = "llm",
        before: Callable[[Costs], None] | None = None,
        after: Callable[[Outcome], None] | None = None,
    ) -> None:
        """Set up; `before` hears the costs of each draft before anything is sent, `after` what came of it."""
        self.name = name
        self._asker = asker
        self._prompt = prompt
        self._before = before
        self._after = after
        self._stopped = ""
        """Why nobody is asked any more: who did not answer once, holds up no further draft."""

    def plans(self, draft: Draft) -> list[tuple[Span, Plan]]:
        """Return each part of `draft` and what would be sent for it; asks nobody."""
        text = draft.masked.source
        parts = chunks(text, draft.body_start)
        # A part that is nothing but code or markup holds no prose to remark on.
        parts = [part for part in parts if draft.masked.prose[part.start : part.end].strip()]
        return [(part, self._asker.plan(self._prompt, text[part.start : part.end], Remarks)) for part in parts]

    def costs(self, draft: Draft, plans: Iterable[tuple[Span, Plan]]) -> Costs:
        """Return what asking `plans` would cost."""
        every = [plan for _, plan in plans]
        fresh = [plan for plan in every if not plan.is_cached]
        settings, ai = self._asker.settings, self._asker.ai
        return Costs(
            draft=draft.name,
            model=self._asker.name,
            address=settings.address,
            is_local=settings.is_local,
            parts=len(fresh),
            known=len(every) - len(fresh),
            likely=sum((plan.likely for plan in fresh), Decimal(0)),
            most=sum((plan.most for plan in fresh), Decimal(0)),
            spent=self._asker.spent(),
            budget=ai.budget,
            currency=ai.currency,
            redacted=sum(plan.redacted for plan in every),
        )

    def check(self, draft: Draft) -> list[Found]:
        plans = self.plans(draft)
        if self._before is not None:
            self._before(self.costs(draft, plans))
        return self.read(draft, plans)

    def read(self, draft: Draft, plans: list[tuple[Span, Plan]]) -> list[Found]:
        """Ask for each part and return what was located; tells `after` the rest."""
        found: list[Found] = []
        refused: list[Refused] = []
        dropped: Counter[str] = Counter()
        problems: Counter[str] = Counter()
        cost = Decimal(0)
        for part, plan in plans:
            if self._stopped and not plan.is_cached:
                problems[self._stopped] += 1
                continue
            try:
                asked = self._asker.ask(plan, Remarks)
            except SteersmanError as exc:
                problems[str(exc)] += 1
                # What is over the budget or not understood is so for this part; who does not answer, answers none.
                self._stopped = str(exc) if isinstance(exc, (Unavailable, Misconfigured)) else ""
                continue
            sifted = sift(draft, part, asked.value.remarks, source=self.name)
            found += sifted.found
            refused += sifted.refused
            dropped += sifted.dropped
            cost += asked.cost
        if self._after is not None:
            self._after(
                Outcome(
                    draft=draft.name,
                    source=self.name,
                    model=self._asker.name,
                    findings=len(found),
                    dropped=dict(dropped),
                    refused=tuple(refused),
                    asked=len(plans) - problems.total(),
                    unread=problems.total(),
                    problems=tuple(problems),
                    cost=cost,
                    currency=self._asker.ai.currency,
                )
            )
        return found
