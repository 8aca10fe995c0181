"""Other titles and summaries for a draft: printed, never applied."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from typing import Final

import msgspec

from steersman.ai import Asker, Plan, Prompt
from steersman.content.llm.answers import Variants
from steersman.content.llm.preserve import invents
from steersman.content.model.draft import Draft

LONGEST_TITLE: Final = 70
LONGEST_SUMMARY: Final = 155
_LONGEST_TEXT: Final = 24_000


class Suggested(msgspec.Struct, frozen=True, kw_only=True):
    """What a model offers, what of it was dropped by reason, and what it cost in `currency`."""

    draft: str
    model: str
    titles: tuple[str, ...]
    summaries: tuple[str, ...]
    dropped: dict[str, int]
    cost: Decimal
    currency: str
    is_cached: bool


def plan(asker: Asker, prompt: Prompt, draft: Draft) -> Plan:
    """Return what would be sent: title, summary and the beginning of the draft (24,000 code points)."""
    text = f"Title: {draft.title}\nSummary: {draft.summary or '(none)'}\n\n{draft.body[:_LONGEST_TEXT]}"
    return asker.plan(prompt, text, Variants)


def suggest(asker: Asker, plan: Plan, draft: Draft) -> Suggested:
    """Ask for other titles and summaries; those that say a number or a name the draft does not are dropped.

    Raises:
        OverBudget, InvalidAnswer, Unavailable, Rejected, Misconfigured: as `Asker.ask`.
    """
    asked = asker.ask(plan, Variants)
    dropped: Counter[str] = Counter()
    titles = _sound(asked.value.titles, draft, LONGEST_TITLE, dropped)
    summaries = _sound(asked.value.summaries, draft, LONGEST_SUMMARY, dropped)
    return Suggested(
        draft=draft.name,
        model=asker.name,
        titles=tuple(t for t in titles if t != draft.title),
        summaries=tuple(s for s in summaries if s != draft.summary),
        dropped=dict(dropped),
        cost=asked.cost,
        currency=asker.ai.currency,
        is_cached=asked.is_cached,
    )


def _sound(offered: tuple[str, ...], draft: Draft, longest: int, dropped: Counter[str]) -> list[str]:
    kept = []
    known = f"{draft.title}\n{draft.summary}\n{draft.body}"
    for text in dict.fromkeys(" ".join(one.split()) for one in offered):
        if not text or not text.isprintable() or re.search(r"[<>`{}\[\]]", text):
            dropped["holds markup or nothing"] += 1
        elif len(text) > longest:
            dropped[f"longer than {longest} characters"] += 1
        elif why := invents(text, known):
            dropped[why] += 1
        else:
            kept.append(text)
    return kept
