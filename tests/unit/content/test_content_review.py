"""A round of review: asked for, remarked on, decided; each decision holds for one exact version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.builders_content import a_draft, markdown, told, write_draft
from tests.builders_review import ONE, a_review, folded

from steersman.content.model.draft import parse
from steersman.content.review.clearance import ReviewClearance
from steersman.content.review.kept import Kept
from steersman.content.review.piece import Out, Piece, Version, standing
from steersman.content.settings import ReviewSettings
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Conflict, Misconfigured, Rejected
from steersman.ledger import Appended, Ledger, NewEvent
from steersman.ledger.adapters.memory import create as memory_ledger

BODY = "The first line is fine.\n\nThe seccond line has a slip in it.\n\nThe third line says more.\n"


def events(ledger: Ledger) -> list[str]:
    kinds = [e.type for e in ledger.read(types=("content.review.*", "content.remark.*", "approval.*"))]
    return [kind.removeprefix("content.") for kind in kinds]


def place(body: str, words: str) -> tuple[int, int]:
    at = markdown(body).index(words)
    return at, at + len(words)


def test_a_request_stands_in_the_inbox_until_the_version_is_approved(tmp_path: Path) -> None:
    ledger = memory_ledger()
    write_draft(tmp_path)
    review = a_review(tmp_path, ledger)
    assert review.request(ONE).round == 1
    assert standing(folded(ledger)).stage == "in review"
    done = review.approve(ONE)
    assert (done.outcome, done.round) == ("approved", 1)
    assert events(ledger) == ["review.requested", "approval.requested", "review.ended", "approval.granted"]
    (asked,) = ledger.read(types=("approval.requested",))
    assert asked.stream == "approval/review/content/one.md/1"
    assert standing(folded(ledger)).stage == "approved"


def test_open_gates_are_refused_before_a_person_is_asked(tmp_path: Path) -> None:
    ledger = memory_ledger()
    write_draft(tmp_path, body="All of this is a TODO.\n")
    review = a_review(tmp_path, ledger)
    with pytest.raises(Rejected, match="1 gate is open") as refused:
        review.request(ONE)
    assert "--anyway" in refused.value.fix
    assert events(ledger) == []
    assert review.request(ONE, anyway=True).gates == 1


def test_the_same_version_is_asked_about_once(tmp_path: Path) -> None:
    ledger = memory_ledger()
    write_draft(tmp_path)
    review = a_review(tmp_path, ledger)
    review.request(ONE)
    with pytest.raises(Rejected, match="waits in round 1 already"):
        review.request(ONE)
    review.approve(ONE)
    with pytest.raises(Rejected, match="approved in this version"):
        review.request(ONE)


def test_a_draft_that_changed_since_it_was_asked_about_is_not_approved(tmp_path: Path) -> None:
    ledger = memory_ledger()
    write_draft(tmp_path)
    review = a_review(tmp_path, ledger)
    review.request(ONE)
    write_draft(tmp_path, body="Other words.\n")
    with pytest.raises(Rejected, match="another version"):
        review.approve(ONE)
    assert review.request(ONE).round == 2
    assert events(ledger)[2:] == ["review.ended", "review.requested", "approval.expired", "approval.requested"]
    review.approve(ONE)


def test_what_was_on_the_page_is_what_is_decided_about(tmp_path: Path) -> None:
    ledger = memory_ledger()
    write_draft(tmp_path)
    review = a_review(tmp_path, ledger)
    done = review.request(ONE)
    with pytest.raises(Rejected, match="another version"):
        review.approve(ONE, sha256="0" * 64)
    with pytest.raises(Rejected, match="another version"):
        review.approve(ONE, round_=2)
    review.approve(ONE, sha256=done.content_sha256, round_=1)


@pytest.mark.parametrize("act", ["approve", "return_", "remark", "dismiss"])
def test_an_automation_may_ask_and_may_not_decide(tmp_path: Path, act: str) -> None:
    ledger = memory_ledger()
    write_draft(tmp_path)
    script = a_review(tmp_path, ledger, actor="automation:nightly")
    script.request(ONE)
    acts: dict[str, Callable[[], object]] = {
        "approve": lambda: script.approve(ONE),
        "return_": lambda: script.return_(ONE, text="no"),
        "remark": lambda: script.remark(ONE, start=0, end=3, category="other", text="no"),
        "dismiss": lambda: script.dismiss("0", [ONE]),
    }
    with pytest.raises(Rejected, match="only a person"):
        acts[act]()


def test_a_return_says_why(tmp_path: Path) -> None:
    ledger = memory_ledger()
    write_draft(tmp_path)
    review = a_review(tmp_path, ledger)
    review.request(ONE)
    with pytest.raises(Rejected, match="would not know why"):
        review.return_(ONE)
    assert review.return_(ONE, text="Too long by half.").outcome == "returned"
    assert standing(folded(ledger)).why == "returned in round 1"
    (remark,) = folded(ledger).remarks
    assert remark.is_note


def test_words_stay_in_the_workspace_for_this_user_only(tmp_path: Path) -> None:
    ledger = memory_ledger()
    write_draft(tmp_path, body=BODY)
    review = a_review(tmp_path, ledger)
    start, end = place(BODY, "seccond")
    review.request(ONE)
    done = review.remark(ONE, start=start, end=end, category="spelling", text="Zweites Wort: seccond")
    review.return_(ONE, text="Zurück damit")
    assert all(b"seccond" not in e.data and b"Zur" not in e.data for e in ledger.read())
    path = tmp_path / ".steersman" / "remarks" / f"{done.id}.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    words = Kept(tmp_path / ".steersman").words(done.id)
    assert words is not None
    assert (words.text, words.quote) == ("Zweites Wort: seccond", "seccond")


def test_a_remark_knows_the_finding_that_was_there_before_it(tmp_path: Path) -> None:
    ledger = memory_ledger()
    body = "Here is a TODO note.\n\nThe second line.\n"
    write_draft(tmp_path, body=body)
    review = a_review(tmp_path, ledger)
    review.request(ONE, anyway=True)
    start, end = place(body, "a TODO")
    caught = review.remark(ONE, start=start, end=end, category="wording", text="jargon")
    start, end = place(body, "second line")
    missed = review.remark(ONE, start=start, end=end, category="fact", text="is it?")
    raised = dict(told(ledger, "content.finding.raised"))["finding.raised"]
    assert (caught.caught, missed.caught) == (raised["fingerprint"], "")
    assert missed.line == 8


def test_a_remark_follows_its_place_and_settles_once_that_changes(tmp_path: Path) -> None:
    ledger = memory_ledger()
    write_draft(tmp_path, body=BODY)
    review = a_review(tmp_path, ledger)
    review.request(ONE)
    start, end = place(BODY, "seccond")
    slip = review.remark(ONE, start=start, end=end, category="spelling", text="one c")
    start, end = place(BODY, "third line")
    stays = review.remark(ONE, start=start, end=end, category="wording", text="which?")
    review.return_(ONE)
    write_draft(tmp_path, body="A new opening.\n\n" + BODY.replace("seccond", "second"))
    done = review.request(ONE)
    assert (done.round, done.fixed, done.open) == (2, (slip.id,), (stays.id,))
    (settled,) = told(ledger, "content.remark.settled")
    assert (settled[1]["id"], settled[1]["how"]) == (slip.id, "fixed")
    assert [remark.id for remark in folded(ledger).remarks] == [stays.id]


def test_a_remark_whose_version_is_lost_stays_open(tmp_path: Path) -> None:
    ledger = memory_ledger()
    write_draft(tmp_path, body=BODY)
    review = a_review(tmp_path, ledger)
    review.request(ONE)
    start, end = place(BODY, "seccond")
    review.remark(ONE, start=start, end=end, category="spelling", text="one c")
    review.return_(ONE)
    for kept in (tmp_path / ".steersman" / "reviewed").rglob("*.md"):
        kept.write_text("cut", encoding="utf-8")
    write_draft(tmp_path, body="All new.\n")
    assert len(review.request(ONE).open) == 1


def test_versions_nobody_compares_with_are_forgotten(tmp_path: Path) -> None:
    ledger = memory_ledger()
    review = a_review(tmp_path, ledger)
    for text in ("One.\n", "Two.\n", "Three.\n", "Four.\n"):
        write_draft(tmp_path, body=text)
        review.request(ONE)
        review.return_(ONE, text=f"again: {text}")
        for remark in folded(ledger).remarks:
            review.dismiss(remark.id[:6], [ONE])
    assert len(list((tmp_path / ".steersman" / "reviewed").rglob("*.md"))) <= 2


def test_a_dismissed_remark_is_named_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    ledger = memory_ledger()
    write_draft(tmp_path, body=BODY)
    review = a_review(tmp_path, ledger)
    done = review.remark(ONE, start=0, end=0, category="other", text="hm")
    with pytest.raises(Misconfigured, match="no open remark 'zz'"):
        review.dismiss("zz", [ONE])
    with pytest.raises(Misconfigured):
        review.dismiss("", [ONE])
    assert review.dismiss(done.id[:5], [ONE]).how == "dismissed"
    assert folded(ledger).remarks == ()


def test_bad_remarks_say_what_is_allowed(tmp_path: Path) -> None:
    ledger = memory_ledger()
    write_draft(tmp_path)
    review = a_review(tmp_path, ledger)
    with pytest.raises(Misconfigured) as wrong:
        review.remark(ONE, start=0, end=3, category="typo", text="x")
    assert "spelling, grammar" in wrong.value.fix
    with pytest.raises(Rejected, match="no words"):
        review.remark(ONE, start=0, end=3, category="other", text=" \n")
    with pytest.raises(Rejected, match="no place 5 to 99999"):
        review.remark(ONE, start=5, end=99_999, category="other", text="x")
    with pytest.raises(Rejected, match="5000 characters, allowed: 4000"):
        review.remark(ONE, start=0, end=3, category="other", text="x" * 5000)
    with pytest.raises(Rejected, match="changed since you opened it"):
        review.remark(ONE, start=0, end=3, category="other", text="x", sha256="0" * 64)
    review.remark(ONE, start=0, end=3, category="other", text="x")
    with pytest.raises(Rejected, match="same remark"):
        review.remark(ONE, start=0, end=3, category="other", text="x")


def test_two_who_decide_at_once_get_one_decision(tmp_path: Path) -> None:
    ledger = memory_ledger()
    write_draft(tmp_path)

    class Raced:
        """A ledger on which somebody else returns the draft just before our approval."""

        def __getattr__(self, name: str) -> object:
            return getattr(ledger, name)

        def append(self, events: list[NewEvent], *, expect: int = -1) -> Appended:
            if any(e.type == "content.review.ended" for e in events) and not raced:
                raced.append(True)
                a_review(tmp_path, ledger, actor="person:other").return_(ONE, text="no")
            return ledger.append(events, expect=expect)

    raced: list[bool] = []
    a_review(tmp_path, ledger).request(ONE)
    with pytest.raises(Rejected, match="round 1 was returned"):
        a_review(tmp_path, Raced()).approve(ONE)  # type: ignore[arg-type]
    assert raced
    assert events(ledger).count("review.ended") == 1


def test_a_conflict_that_never_ends_is_said(tmp_path: Path) -> None:
    ledger = memory_ledger()
    write_draft(tmp_path)
    review = a_review(tmp_path, ledger)
    review.request(ONE)

    class Busy:
        def __getattr__(self, name: str) -> object:
            return getattr(ledger, name)

        def append(self, events: list[NewEvent], *, expect: int = -1) -> Appended:
            raise Conflict("somebody wrote first", fix="read again")

    with pytest.raises(Conflict):
        a_review(tmp_path, Busy()).withdraw(ONE)  # type: ignore[arg-type]


# -- clearance ---------------------------------------------------------------------------------------------------


def clear(ledger: Ledger, body: str = "Some words.\n", **settings: object) -> str:
    draft = parse(markdown(body).encode(), name=ONE, folder="content")
    given = {"required": True, **settings}
    return ReviewClearance(ledger, ReviewSettings(**given)).why_not(draft)  # type: ignore[arg-type]


def test_clearance_follows_the_exact_version(tmp_path: Path) -> None:
    ledger = memory_ledger()
    write_draft(tmp_path)
    review = a_review(tmp_path, ledger)
    assert clear(ledger) == "no person has approved it: steersman content review content/one.md"
    review.request(ONE)
    assert "round 1 waits for a person" in clear(ledger)
    assert "changed since it was sent for review" in clear(ledger, "Other.\n")
    review.approve(ONE)
    assert clear(ledger) == ""
    assert "changed since a person approved it" in clear(ledger, "Other.\n")
    write_draft(tmp_path, body="Other.\n")
    review.request(ONE)
    review.return_(ONE, text="not this one")
    assert "returned in round 2" in clear(ledger, "Other.\n")
    assert clear(ledger) == "", "the version that was approved still may go out"


def test_clearance_is_asked_for_where_the_settings_say_so() -> None:
    ledger = memory_ledger()
    assert clear(ledger, required=False) == ""
    assert clear(ledger, types=("essay",)) == ""
    assert clear(ledger, types=("post",)) != ""
    assert a_draft().type == "post"


# -- stages ------------------------------------------------------------------------------------------------------


def test_a_changed_file_falls_back_and_says_why(tmp_path: Path) -> None:
    ledger, clock = memory_ledger(), FakeClock()
    write_draft(tmp_path)
    review = a_review(tmp_path, ledger, clock=clock)
    review.request(ONE)
    review.approve(ONE)
    clock.advance(60)
    changed = standing(folded(ledger).on_disk("f" * 64, clock.now_ns()))
    assert (changed.stage, changed.since) == ("draft", clock.now_ns())
    assert changed.why == "changed since it was approved; not checked in this version"
    write_draft(tmp_path, body="Other words.\n")
    review._first_pass(review._draft(ONE))
    assert standing(folded(ledger)).stage == "checked"
    write_draft(tmp_path)
    review._first_pass(review._draft(ONE))
    assert standing(folded(ledger)).stage == "approved", "the very version that was approved is back"


OUT = Version(sha256="a" * 64, at=5)


@pytest.mark.parametrize(
    ("piece", "stage", "why"),
    [
        (Piece(draft=ONE), "draft", "not checked in this version"),
        (Piece(draft=ONE, latest=OUT, outcome="blocked", gates=2), "draft", "2 open gates"),
        (Piece(draft=ONE, latest=OUT, outcome="refused", reason="line 1: no title"), "draft", "line 1: no title"),
        (Piece(draft=ONE, latest=OUT, outcome="pass"), "checked", ""),
        (Piece(draft=ONE, latest=OUT, outcome="pass", asked=OUT, round=1), "in review", ""),
        (
            Piece(draft=ONE, latest=OUT, outcome="pass", asked=Version(sha256="b" * 64, at=1), round=1),
            "in review",
            "the file changed since it was sent for review; ask again for round 2",
        ),
        (Piece(draft=ONE, latest=OUT, outcome="pass", approved=OUT, ended="approved"), "approved", ""),
        (
            Piece(
                draft=ONE, latest=OUT, outcome="pass", posts={"site/one": Out(channel="site", due_at=9, scheduled_at=7)}
            ),
            "scheduled",
            "",
        ),
        (
            Piece(
                draft=ONE,
                latest=OUT,
                outcome="pass",
                posts={
                    "site/one": Out(channel="site", due_at=9, scheduled_at=7, wall="2026-12-01T09:00", overdue=True)
                },
            ),
            "scheduled",
            "overdue on site: due 2026-12-01T09:00",
        ),
        (
            Piece(
                draft=ONE,
                latest=OUT,
                outcome="pass",
                ended="approved",
                approved=Version(sha256="b" * 64, at=1),
                posts={"site/one": Out(channel="site", due_at=9, scheduled_at=7)},
            ),
            "checked",
            "changed since it was approved",
        ),
        (Piece(draft=ONE, latest=OUT, posts={"site/one": Out(channel="site", published=OUT)}), "published", ""),
        (
            Piece(
                draft=ONE,
                latest=OUT,
                posts={
                    "site/one": Out(channel="site", published=OUT, measured_at=8),
                    "bluesky/one": Out(channel="bluesky", due_at=9, scheduled_at=7, wall="2026-12-01T09:00"),
                },
            ),
            "measured",
            "waits for bluesky until 2026-12-01T09:00",
        ),
        (
            Piece(draft=ONE, latest=OUT, outcome="pass", posts={"site/one": Out(channel="site", status="deleted")}),
            "checked",
            "taken off site",
        ),
        (
            Piece(
                draft=ONE,
                latest=OUT,
                outcome="pass",
                posts={"site/one": Out(channel="site", published=Version(sha256="b" * 64, at=1))},
            ),
            "checked",
            "edited since it went out",
        ),
    ],
)
def test_each_stage_follows_from_what_was_said(piece: Piece, stage: str, why: str) -> None:
    found = standing(piece)
    assert (found.stage, found.why) == (stage, why)
