"""The panel of reviewers: what is asked first, what is recorded, and which scores stop a post."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.builders_content import a_checker, a_draft, told, write_draft

from steersman.content.model.draft import Draft
from steersman.content.model.finding import Found
from steersman.content.ports import Review
from steersman.content.reviewers import CATEGORY, Panel, Reviewed, ScoreGate, Sending
from steersman.content.settings import GATES
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import SteersmanError, Unavailable
from steersman.ledger import Ledger
from steersman.ledger.adapters.memory import create as memory_ledger


class Opinion:
    """A reviewer that says what it is given; `asked` counts."""

    kind = "memory"

    def __init__(self, said: Review | SteersmanError, *, asks_first: bool = False, name: str = "editor") -> None:
        self.name = name
        self.asks_first = asks_first
        self.asked = 0
        self._said = said

    def announcement(self, draft: Draft) -> str:
        return f"{draft.words} words to nobody"

    def review(self, draft: Draft) -> Review:
        self.asked += 1
        if isinstance(self._said, SteersmanError):
            raise self._said
        return self._said


def a_finding(**fields: Any) -> Found:
    given = {"start": 36, "end": 40, "source": "editor", "rule": "R", "category": "other", "message": "m"}
    return Found(**{**given, **fields})


def asked(
    ledger: Ledger, *reviewers: Opinion, draft: Draft | None = None, consent: bool = True
) -> tuple[list[Found], list[Reviewed], list[Sending]]:
    outcomes: list[Reviewed] = []
    sent: list[Sending] = []

    def may_send(sending: Sending) -> bool:
        sent.append(sending)
        return consent or not sending.asks_first

    panel = Panel(
        reviewers, ledger=ledger, clock=FakeClock(), actor="person:test", before=may_send, after=outcomes.append
    )
    return panel.check(draft or a_draft()), outcomes, sent


def test_what_is_sent_is_announced_before_anybody_is_asked() -> None:
    reviewer = Opinion(Review(found=(a_finding(),)), asks_first=True)
    found, outcomes, sent = asked(memory_ledger(), reviewer)
    assert [(one.reviewer, one.asks_first, one.announcement) for one in sent] == [("editor", True, "2 words to nobody")]
    assert len(found) == outcomes[0].findings == 1


def test_without_consent_nobody_is_asked_and_that_is_no_clean_result() -> None:
    ledger, reviewer = memory_ledger(), Opinion(Review(), asks_first=True)
    found, [outcome], _ = asked(ledger, reviewer, consent=False)
    assert (found, reviewer.asked) == ([], 0)
    assert "leave this machine" in outcome.problem
    assert "--yes" in outcome.fix
    assert told(ledger) == []


def test_a_failure_is_an_event_and_the_others_are_still_asked() -> None:
    ledger = memory_ledger()
    broken = Opinion(Unavailable("broken: it is down", fix="start it"), name="broken")
    found, outcomes, _ = asked(ledger, broken, Opinion(Review(found=(a_finding(),))))
    assert len(found) == 1
    assert [(one.reviewer, one.problem) for one in outcomes] == [("broken", "it is down"), ("editor", "")]
    [(kind, data)] = told(ledger)
    assert kind == "reviewer.failed"
    assert (data["reviewer"], data["reason"]) == ("broken", "it is down")


def test_what_was_read_in_part_keeps_its_findings_and_is_a_failure_too() -> None:
    ledger = memory_ledger()
    found, [outcome], _ = asked(ledger, Opinion(Review(found=(a_finding(),), problem="1 of 2 parts were not read")))
    assert len(found) == 1
    assert outcome.problem == "1 of 2 parts were not read"
    assert [kind for kind, _ in told(ledger)] == ["reviewer.failed"]


def test_scores_are_recorded_for_their_version_and_not_asked_for_again() -> None:
    ledger, reviewer = memory_ledger(), Opinion(Review(scores={"general": 81.5}))
    _, [first], _ = asked(ledger, reviewer)
    _, [again], sent = asked(ledger, reviewer)
    assert (first.scores, first.is_known) == ({"general": 81.5}, False)
    assert (again.scores, again.is_known) == ({"general": 81.5}, True)
    assert (reviewer.asked, sent) == (1, [])
    asked(ledger, reviewer, draft=a_draft("Other words.\n"))
    assert reviewer.asked == 2
    assert [data["scores"] for kind, data in told(ledger) if kind == "reviewer.scored"] == [{"general": 81.5}] * 2


@pytest.mark.parametrize(("score", "stops"), [(79.9, True), (80.0, False), (95.0, False)])
def test_a_score_below_the_minimum_stops_that_version_and_says_which(score: float, stops: bool, tmp_path: Path) -> None:
    ledger = memory_ledger()
    write_draft(tmp_path)
    gate = ScoreGate({"gr": {"general": 80.0, "clarity": 50.0}}, ledger)
    checker = a_checker(tmp_path, ledger, engines=(gate,), gates=(*GATES, CATEGORY))
    assert checker.check_all()[0].outcome == "pass"  # nobody scored it yet
    asked(ledger, Opinion(Review(scores={"general": score, "clarity": 60.0}), name="gr"))
    [report] = checker.check_all()
    assert report.outcome == ("blocked" if stops else "pass")
    if stops:
        [finding] = report.findings
        assert (finding.source, finding.rule, finding.severity) == ("gr", "ScoreBelowMinimum.general", "gate")
        assert finding.message == "its general score is 79.9, below the minimum of 80"
        assert finding.excerpt == "title: A title"
    write_draft(tmp_path, body="Another version.\n")
    assert checker.check_all()[0].outcome == "pass"
