"""What a person says about a finding of the first pass: right or wrong; rules are learned from it."""

from __future__ import annotations

import msgspec

from steersman.bootstrap.desk import Desk
from steersman.content.events.qa import FINDING_ACCEPTED, FINDING_RAISED, FINDING_REJECTED, FindingJudged, FindingRaised
from steersman.content.model.learning import Outcome
from steersman.content.qa.learning import Flag, verdict
from steersman.kernel.errors import Rejected

_OUTCOMES: dict[str, Outcome] = {FINDING_ACCEPTED: "accepted", FINDING_REJECTED: "rejected"}


def verdicts(desk: Desk, draft: str) -> dict[str, Outcome]:
    """Return what people last said about the findings of `draft`, by fingerprint."""
    found = dict[str, Outcome]()
    for event in desk.ledger.read(stream=f"draft/{draft}", types=tuple(_OUTCOMES)):
        said = msgspec.json.decode(event.data, type=FindingJudged)
        if said.how == "person":
            found[said.fingerprint] = _OUTCOMES[event.type]
    return found


def confirmed(desk: Desk) -> set[tuple[str, str]]:
    """Return every finding (draft, fingerprint) that a person last said is right."""
    found = dict[tuple[str, str], Outcome]()
    for event in desk.ledger.read(types=tuple(_OUTCOMES)):
        said = msgspec.json.decode(event.data, type=FindingJudged)
        if said.how == "person":
            found[said.draft, said.fingerprint] = _OUTCOMES[event.type]
    return {finding for finding, outcome in found.items() if outcome == "accepted"}


def judge(desk: Desk, draft: str, fingerprint: str, outcome: Outcome, *, type_: str, by: str) -> None:
    """Record that a person finds a finding right or wrong; saying the same again changes nothing.

    Raises:
        Rejected: no finding of that name was raised about `draft`, or `by` is no person.
    """
    if not by.startswith("person:"):
        raise Rejected(f"only a person judges a finding, not {by}", fix="do it yourself, or in the console")
    stream = f"draft/{draft}"
    raised = (
        msgspec.json.decode(event.data, type=FindingRaised)
        for event in desk.ledger.read(stream=stream, types=(FINDING_RAISED,))
    )
    found = next((one for one in raised if one.fingerprint == fingerprint), None)
    if found is None:
        raise Rejected(f"{draft} has no finding {fingerprint[:16]!r}", fix=f"steersman content show {draft}")
    if verdicts(desk, draft).get(fingerprint) == outcome:
        return
    before = sum(
        msgspec.json.decode(event.data, type=FindingJudged).fingerprint == fingerprint
        for event in desk.ledger.read(stream=stream, types=tuple(_OUTCOMES))
    )
    flag = Flag(
        draft=draft,
        fingerprint=fingerprint,
        source=found.source,
        rule=found.rule,
        category=found.category,
        type=found.type or type_,
    )
    desk.ledger.append([verdict(flag, outcome, "person", at=desk.clock.now_ns(), actor=by, nth=before)])
