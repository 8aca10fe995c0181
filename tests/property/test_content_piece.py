"""A piece folded from any history: the read model says the same as the fold, and no approval outlives its version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
import msgspec
from hypothesis import given
from hypothesis import strategies as st

from steersman.content.events import engagement, publishing, qa
from steersman.content.events import review as said
from steersman.content.projections.pieces import Pieces
from steersman.content.queries import pieces as rows
from steersman.content.review.piece import STAGES, Piece, standing, step
from steersman.ledger import Ledger, new_event
from steersman.ledger.adapters.memory import create as memory_ledger

DRAFT = "content/one.md"
KEY = "site/one"
SHAS = ("a" * 64, "b" * 64, "c" * 64)


class Memory:
    """A database of its own for each example."""

    def __init__(self) -> None:
        self._connection = apsw.Connection(":memory:")

    def execute(self, sql: str, params: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, params).fetchall()

    def executemany(self, sql: str, rows: Any) -> None:
        self._connection.executemany(sql, rows)


def _data(what: str, sha: str, n: int, at: int) -> tuple[str, msgspec.Struct]:  # noqa: C901 - a case for each event
    named: dict[str, Any] = {"draft": DRAFT, "at": at}
    post = {**named, "key": KEY, "channel": "site"}
    version = {**named, "content_sha256": sha, "type": "post"}
    counts: dict[str, Any] = {"title": "One", "words": 3, "gates": 0, "warnings": 1, "infos": 0, "suppressed": 0}
    match what:
        case "pass" | "blocked":
            return qa.DRAFT_CHECKED, qa.DraftChecked(**named, content_sha256=sha, outcome=what, **counts)
        case "refused":
            return qa.DRAFT_REFUSED, qa.DraftRefused(**named, reason="no title", line=1)
        case "asked":
            return said.REVIEW_REQUESTED, said.ReviewRequested(**version, round=n, gates=0, warnings=0, infos=0)
        case "approved" | "returned" | "withdrawn":
            return said.REVIEW_ENDED, said.ReviewEnded(**version, round=n, outcome=what, remarks=0)
        case "remark":
            place: dict[str, Any] = {"start": 0, "end": n, "line": 1, "category": "other", "caught": ""}
            return said.REMARK_RAISED, said.RemarkRaised(**version, round=n, id=f"{n:016x}", **place)
        case "settled":
            return said.REMARK_SETTLED, said.RemarkSettled(**named, id=f"{n:016x}", how="fixed")
        case "scheduled":
            slot: dict[str, Any] = {"wall": "2026-12-01T09:00", "tz": "UTC", "due_at": at, "how": "person"}
            return publishing.POST_SCHEDULED, publishing.PostScheduled(**post, type="post", **slot)
        case "unscheduled":
            return publishing.POST_UNSCHEDULED, publishing.PostUnscheduled(**post, reason="")
        case "published":
            shown: dict[str, Any] = {"content_sha256": "p", "title": "One", "url": "", "revision": "1"}
            return publishing.POST_PUBLISHED, publishing.PostPublished(**post, draft_sha256=sha, **shown)
        case "failed":
            return publishing.POST_FAILED, publishing.PostEnded(**post, reason="no")
        case "deleted":
            return publishing.POST_DELETED, publishing.PostDeleted(**post, reason="")
        case "taken":
            return publishing.POST_WITHDRAWN, publishing.PostWithdrawn(**post, reason="")
        case "in time":
            return publishing.POST_OVERDUE_ENDED, publishing.PostOverdueEnded(**post, reason="")
        case "overdue":
            return publishing.POST_OVERDUE, publishing.PostOverdue(**post, due_at=at, reason="")
        case _:
            seen: dict[str, Any] = {"type": "post", "published_at": 0, "age_s": 3600, "observed_age_s": 3600}
            figures: dict[str, Any] = {"counts": {"likes": n}, "engagement": n, "channel": "site"}
            return engagement.ENGAGEMENT_OBSERVED, engagement.EngagementObserved(key=KEY, at=at, **seen, **figures)


WHAT = (
    "pass", "blocked", "refused", "asked", "approved", "returned", "withdrawn", "remark", "settled", "scheduled",
    "unscheduled", "published", "failed", "deleted", "overdue", "taken", "in time", "measured",
)  # fmt: skip
HISTORY = st.lists(st.tuples(st.sampled_from(WHAT), st.sampled_from(SHAS), st.integers(1, 3)), max_size=25)


def _told(history: Sequence[tuple[str, str, int]]) -> Ledger:
    ledger = memory_ledger()
    for at, (what, sha, n) in enumerate(history, 1):
        kind, data = _data(what, sha, n, at)
        ledger.append([new_event(kind, stream="draft/x", data=data, actor="person:test", now_ns=at)])
    return ledger


@given(history=HISTORY)
def test_the_read_model_is_the_fold(history: list[tuple[str, str, int]]) -> None:
    db, projection, piece = Memory(), Pieces(), Piece(draft=DRAFT)
    projection.create(db)
    known = False  # figures of a post that nobody knows belong to no piece
    for event in _told(history).read():
        projection.handle(db, event)
        known = known or b'"draft"' in event.data
        piece = step(piece, event) if known else piece
        assert rows.piece(db, DRAFT) in (piece, None)
    found = rows.piece(db, DRAFT)
    assert found == piece or (found is None and piece == Piece(draft=DRAFT))
    assert {r.id for r in rows.remarks(db, DRAFT) if r.status == "open"} == {r.id for r in piece.remarks}
    assert sum(r.outcome == "waits" for r in rows.rounds(db, DRAFT)) >= (piece.asked is not None)


@given(history=HISTORY)
def test_no_stage_rests_on_another_version(history: list[tuple[str, str, int]]) -> None:
    piece = Piece(draft=DRAFT)
    for event in _told(history).read():
        piece = step(piece, event)
        stands = standing(piece)
        latest = piece.latest.sha256 if piece.latest is not None else ""
        assert stands.stage in STAGES
        if stands.stage == "approved":
            assert piece.approved is not None
            assert piece.approved.sha256 == latest
        if stands.stage in ("published", "measured"):
            out = [post.published.sha256 for post in piece.posts.values() if post.published is not None]
            assert out == [latest]
        if stands.stage in ("checked", "scheduled"):
            assert piece.outcome == "pass"
        elsewhere = standing(piece.on_disk("d" * 64, 99))
        assert elsewhere.stage in ("draft", "in review")
