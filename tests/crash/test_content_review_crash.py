"""Cut a review at each durable step and do the same again: one decision for each round, no remark without its words."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from tests.builders_content import markdown, write_draft
from tests.builders_crash import Cut, Cuttable, Steps
from tests.builders_review import ONE, a_review, folded

from steersman.content.review.flow import Reviews
from steersman.content.review.kept import Kept
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Rejected
from steersman.ledger import Ledger
from steersman.ledger.adapters.memory import create as memory_ledger

pytestmark = pytest.mark.crash
FIRST = "One line with a slip in it.\n\nAnother line.\n"
SLIP = markdown(FIRST).index("slip")


def review_it(root: Path, review: Reviews) -> None:
    """Go through two rounds; what was done before a cut says so itself, and is not done twice."""
    first: tuple[Callable[[], object], ...] = (
        lambda: review.request(ONE),
        lambda: review.remark(ONE, start=SLIP, end=SLIP + 4, category="wording", text="a slip"),
        lambda: review.return_(ONE, text="see the remark"),
    )
    second: tuple[Callable[[], object], ...] = (
        lambda: write_draft(root, body=FIRST.replace("slip", "word")),
        lambda: review.request(ONE),
        lambda: review.approve(ONE),
    )
    acts = second if review.piece(ONE).ended else (*first, *second)
    for act in acts:
        with suppress(Rejected):
            act()


def run(root: Path, ledger: Ledger, clock: FakeClock, steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", steps.wrap(os.fsync))
        review_it(root, a_review(root, Cuttable(ledger, steps, "append"), clock=clock))


def check(root: Path, ledger: Ledger) -> None:
    kept = Kept(root / ".steersman")
    answered: dict[str, list[str]] = {}
    for event in ledger.read():
        if event.type == "content.remark.raised":
            words = kept.words(msgspec.json.decode(event.data)["id"])
            assert words is not None, "a remark whose words are lost"
        if event.type.startswith("approval."):
            answered.setdefault(event.stream, []).append(event.type)
    ended = [msgspec.json.decode(e.data) for e in ledger.read(types=("content.review.ended",))]
    assert [(e["round"], e["outcome"]) for e in ended] == [(1, "returned"), (2, "approved")]
    assert answered == {
        "approval/review/content/one.md/1": ["approval.requested", "approval.denied"],
        "approval/review/content/one.md/2": ["approval.requested", "approval.granted"],
    }
    settled = {msgspec.json.decode(e.data)["id"] for e in ledger.read(types=("content.remark.settled",))}
    raised = {msgspec.json.decode(e.data)["id"] for e in ledger.read(types=("content.remark.raised",))}
    assert settled == raised, "both the slip and the note about the whole changed"
    assert len(raised) == 2
    assert folded(ledger).approved is not None


STEPS = range(1, 17)


def test_there_are_as_many_steps_as_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_draft(tmp_path, body=FIRST)
    ledger, steps = memory_ledger(), Steps()
    run(tmp_path, ledger, FakeClock(), steps, monkeypatch)
    check(tmp_path, ledger)
    assert steps.done == max(STEPS)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("cut_at", STEPS)
def test_a_cut_review_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_at: int, after: bool) -> None:
    write_draft(tmp_path, body=FIRST)
    ledger, clock = memory_ledger(), FakeClock()
    with pytest.raises(Cut):
        run(tmp_path, ledger, clock, Steps(cut_at, after=after), monkeypatch)
    clock.advance(1)
    run(tmp_path, ledger, clock, Steps(), monkeypatch)
    check(tmp_path, ledger)
