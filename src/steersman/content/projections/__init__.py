"""The read models of content: rebuildable from the ledger at any time."""

from __future__ import annotations

from steersman.content.projections.drafts import Drafts
from steersman.content.projections.learning import Learning
from steersman.content.projections.pieces import Pieces
from steersman.content.projections.posts import Posts
from steersman.ledger.projections import Projection

PROJECTIONS: tuple[Projection, ...] = (Drafts(), Posts(), Pieces(), Learning())
