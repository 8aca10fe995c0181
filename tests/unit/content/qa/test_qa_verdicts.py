"""What happens to a finding tells whether its rule was right; each verdict is recorded once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.builders_content import a_checker, told, write_draft

from steersman.content.events.publishing import POST_PUBLISHED, PostPublished
from steersman.content.model.learning import Learned, Tally
from steersman.content.projections.learning import Learning
from steersman.content.qa.learning import Flag, Judge
from steersman.content.queries import learning as queries
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Unavailable
from steersman.ledger import Ledger, NewEvent, new_event
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.ledger.projections import Database, Projector, open_reader


def verdicts(ledger: Ledger) -> list[tuple[str, str, str]]:
    kinds = ("finding.accepted", "finding.rejected")
    return [(k.rpartition(".")[2], d["how"], d["rule"]) for k, d in told(ledger) if k in kinds]


def check(root: Path, ledger: Ledger, *bodies: str, **settings: Any) -> None:
    for body in bodies:
        write_draft(root, body=body)
        a_checker(root, ledger, **settings).check_all()


def read(root: Path, ledger: Ledger) -> Database:
    path = root / "read.db"
    Projector(ledger, path, (Learning(),)).catch_up()
    return open_reader(path)


def publish(ledger: Ledger, sha256: str) -> None:
    data = PostPublished(
        key="site/one", channel="site", draft="content/one.md", content_sha256="x", title="", url="", revision="",
        at=5, draft_sha256=sha256,
    )  # fmt: skip
    ledger.append([new_event(POST_PUBLISHED, stream="post/site/one", data=data, actor="desk", now_ns=5)])


def latest_sha(ledger: Ledger) -> str:
    return str([d["content_sha256"] for k, d in told(ledger) if k == "draft.checked"][-1])


def test_text_that_is_changed_where_it_was_flagged_accepts_the_finding_once(tmp_path: Path) -> None:
    ledger = memory_ledger()
    check(tmp_path, ledger, "A TODO.\n", "A thing.\n", "A TODO.\n", "A thing.\n")
    assert verdicts(ledger) == [("accepted", "edit", "Unfinished")]


def test_a_finding_whose_sentence_changed_around_it_only_moved(tmp_path: Path) -> None:
    ledger = memory_ledger()
    check(tmp_path, ledger, "A TODO here.\n", "A TODO stands right here.\n")
    assert verdicts(ledger) == []


def test_a_finding_that_other_rules_took_away_proves_nothing(tmp_path: Path) -> None:
    ledger = memory_ledger()
    check(tmp_path, ledger, "A TODO.\n")
    check(tmp_path, ledger, "A thing.\n", off=("Unfinished",))
    assert verdicts(ledger) == []


def test_a_finding_that_was_suppressed_proves_nothing_when_its_text_goes(tmp_path: Path) -> None:
    ledger = memory_ledger()
    check(tmp_path, ledger, "A TODO.\n", "A TODO. <!-- steersman: ignore Unfinished -->\n", "A thing.\n")
    assert verdicts(ledger) == []


def test_what_goes_out_with_a_finding_open_counts_against_its_rule_before_the_event_is_written(tmp_path: Path) -> None:
    ledger = memory_ledger()
    check(tmp_path, ledger, "A TODO.\n", gates=())
    publish(ledger, latest_sha(ledger))
    (due,) = queries.due(db := read(tmp_path, ledger))
    assert queries.tallies(db) == {("Unfinished", "post"): Tally(rejected=1, rejected_weight=0.5)}
    judge = Judge(ledger=ledger, clock=FakeClock(), actor="person:cli")
    for _ in range(2):
        judge.settle([Flag(**msgspec.structs.asdict(due))])
    assert verdicts(ledger) == [("rejected", "published", "Unfinished")]
    assert queries.tallies(read(tmp_path, ledger)) == {("Unfinished", "post"): Tally(rejected=1, rejected_weight=0.5)}


def test_an_earlier_version_that_goes_out_says_nothing_about_this_one(tmp_path: Path) -> None:
    ledger = memory_ledger()
    check(tmp_path, ledger, "Fine.\n")
    earlier = latest_sha(ledger)
    check(tmp_path, ledger, "A TODO.\n", gates=())
    publish(ledger, earlier)
    assert queries.due(read(tmp_path, ledger)) == []


def test_a_persons_word_stands_and_the_later_one_counts(tmp_path: Path) -> None:
    ledger = memory_ledger()
    check(tmp_path, ledger, "A TODO.\n", gates=())
    judge = Judge(ledger=ledger, clock=FakeClock(), actor="person:cli")

    def say(outcome: Any) -> None:
        (row,) = queries.flags(read(tmp_path, ledger), "")
        judge.say(row.draft, row.fingerprint, outcome)

    say("rejected")
    say("rejected")
    assert len(queries.dismissed(read(tmp_path, ledger))) == 1
    say("accepted")
    assert [outcome for outcome, _, _ in verdicts(ledger)] == ["rejected", "accepted"]
    assert len(queries.confirmed(read(tmp_path, ledger))) == 1
    say("rejected")
    say("accepted")
    publish(ledger, latest_sha(ledger))
    check(tmp_path, ledger, "A thing.\n", gates=())
    db = read(tmp_path, ledger)
    assert queries.tallies(db) == {("Unfinished", "post"): Tally(accepted=1, accepted_weight=1.0)}
    assert not queries.dismissed(db)
    assert not queries.due(db)


def test_a_reset_forgets_verdicts_and_takes_silence_back_but_not_what_a_person_rejected(tmp_path: Path) -> None:
    ledger = memory_ledger()
    check(tmp_path, ledger, "A TODO.\n", gates=())
    (row,) = queries.flags(read(tmp_path, ledger), "")
    judge = Judge(ledger=ledger, clock=FakeClock(), actor="person:cli")
    judge.say(row.draft, row.fingerprint, "rejected")
    judge.decide("Unfinished", is_silent=True)
    assert queries.silenced(read(tmp_path, ledger)) == {"Unfinished"}
    judge.decide("Unfinished", is_silent=False)
    db = read(tmp_path, ledger)
    assert (queries.silenced(db), queries.tallies(db)) == (frozenset(), {})
    assert len(queries.dismissed(db)) == 1


def test_a_rejected_finding_stays_listed_and_stops_nothing(tmp_path: Path) -> None:
    ledger = memory_ledger()
    write_draft(tmp_path, body="A TODO.\n")
    (blocked,) = a_checker(tmp_path, ledger).check_all()
    dismissed = frozenset((f.doc, f.fingerprint) for f in blocked.findings)
    checker = a_checker(tmp_path, ledger)
    checker._learned = Learned(dismissed=dismissed)
    (report,) = checker.check_all()
    assert (blocked.outcome, report.outcome, report.suppressed) == ("blocked", "pass", 1)
    assert "rejected by a person" in report.findings[0].reason


def test_settling_that_was_cut_off_half_way_is_finished_by_the_next(tmp_path: Path) -> None:
    ledger = memory_ledger()
    flags = [
        Flag(draft="content/one.md", fingerprint=f"{n:016x}", source="house", rule="R", category="c", type="post")
        for n in range(1200)
    ]
    with pytest.raises(Unavailable):
        Judge(ledger=_Failing(ledger), clock=FakeClock(), actor="a").settle(flags)  # type: ignore[arg-type]
    assert len(verdicts(ledger)) == 500
    Judge(ledger=ledger, clock=FakeClock(), actor="a").settle(flags)
    assert len(verdicts(ledger)) == 1200


class _Failing:
    """A ledger whose disk is full after the first append."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._done = 0

    def append(self, events: Sequence[NewEvent]) -> None:
        self._done += 1
        if self._done > 1:
            raise Unavailable("the disk is full", fix="make room")
        self._ledger.append(events)
