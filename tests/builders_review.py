"""A review of drafts on a ledger in memory: what is written on disk is what is reviewed."""

from __future__ import annotations

from pathlib import Path

import msgspec
from tests.builders_content import a_checker

from steersman.content.review.flow import Reviews
from steersman.content.review.kept import Kept
from steersman.content.review.piece import TYPES, Piece, step
from steersman.content.settings import QaSettings
from steersman.kernel.clock import Clock, FakeClock
from steersman.ledger import Ledger

ONE = "content/one.md"


def a_review(root: Path, ledger: Ledger, *, clock: Clock | None = None, actor: str = "person:test") -> Reviews:
    clock = clock or FakeClock()
    state = root / ".steersman"
    state.mkdir(exist_ok=True)
    checker = a_checker(root, ledger, clock=clock)
    return Reviews(
        root=root,
        settings=QaSettings(),
        ledger=ledger,
        clock=clock,
        kept=Kept(state),
        first_pass=checker.check_draft,
        actor=actor,
    )


def folded(ledger: Ledger, draft: str = ONE) -> Piece:
    """Return what the whole ledger says about `draft`, its posts included."""
    piece = Piece(draft=draft)
    for event in ledger.read(types=TYPES):
        named = msgspec.json.decode(event.data)
        if named.get("draft", draft) == draft:
            piece = step(piece, event)
    return piece
