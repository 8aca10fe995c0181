"""What a reading brought beside its findings, in lines for a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from steersman.ai.addresses import place
from steersman.ai.money import shown
from steersman.content.llm.checker import Costs, Outcome
from steersman.kernel.plurals import counted

_MOST_REFUSED: Final = 5


def costs_line(costs: Costs) -> str:
    """Return what would be sent where, and what it may cost."""
    if not costs.parts:
        return f"nothing to send to {costs.model}: {counted(costs.known, 'part')} known already"
    where = "on this machine" if costs.is_local else f"at {place(costs.address)}"
    known = f" ({costs.known} known already)" if costs.known else ""
    line = f"{counted(costs.parts, 'part')} to {costs.model} {where}{known}"
    if costs.most:
        line += f", about {shown(costs.likely)} and at most {shown(costs.most)} {costs.currency}"
        line += f" (today {shown(costs.spent)} of {shown(costs.budget)} spent)"
    else:
        line += ", free"
    return line + (f"; {counted(costs.redacted, 'place')} redacted" if costs.redacted else "")


def outcome_notes(outcome: Outcome) -> Iterator[str]:
    """Yield a line on the cost, one on what was dropped, and one for each replacement that was refused."""
    total = outcome.asked + outcome.unread
    read = f"{outcome.asked} of {counted(total, 'part')} read by {outcome.model}"
    yield f"{read}, cost {shown(outcome.cost)} {outcome.currency}"
    if outcome.dropped:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(outcome.dropped.items()))
        yield f"{counted(sum(outcome.dropped.values()), 'remark')} dropped: {reasons}"
    for refused in outcome.refused[:_MOST_REFUSED]:
        yield f"line {refused.line}: replacement for {refused.rule} refused: {refused.why}"
    if len(outcome.refused) > _MOST_REFUSED:
        yield f"{len(outcome.refused) - _MOST_REFUSED} more replacements refused"
