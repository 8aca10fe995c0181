"""Whether people have let a draft go out, in the exact version that would go out."""

from __future__ import annotations

from steersman.content.events.review import REVIEW_ENDED, REVIEW_REQUESTED
from steersman.content.model.draft import Draft
from steersman.content.review.piece import Piece, step
from steersman.content.settings import ReviewSettings
from steersman.ledger import Ledger


class ReviewClearance:
    """`[review]` as the publisher asks it (`content.ports.Clearance`)."""

    def __init__(self, ledger: Ledger, settings: ReviewSettings) -> None:
        self._ledger = ledger
        self._settings = settings

    def why_not(self, draft: Draft) -> str:
        """Return why `draft` (in this version) may not go out; empty: it may."""
        if not self._settings.required or (self._settings.types and draft.type not in self._settings.types):
            return ""
        piece = Piece(draft=draft.name)
        for event in self._ledger.read(stream=f"draft/{draft.name}", types=(REVIEW_REQUESTED, REVIEW_ENDED)):
            piece = step(piece, event)
        if piece.approved is not None and piece.approved.sha256 == draft.sha256:
            return ""
        return _why(piece, draft)


def _why(piece: Piece, draft: Draft) -> str:
    ask = f"steersman content review {draft.name}"
    if piece.asked is not None and piece.asked.sha256 == draft.sha256:
        return f"round {piece.round} waits for a person: steersman inbox list"
    if piece.asked is not None:
        return f"changed since it was sent for review in round {piece.round}: {ask}"
    if piece.ended == "returned" and piece.reviewed is not None and piece.reviewed.sha256 == draft.sha256:
        return f"returned in round {piece.round}: change it, then {ask}"
    if piece.approved is not None:
        return f"changed since a person approved it in round {piece.round}: {ask}"
    return f"no person has approved it: {ask}"
