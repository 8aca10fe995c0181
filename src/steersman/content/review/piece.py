"""A piece on its way from draft to measured: what the ledger said about it, folded; the stage follows from that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, TypeVar

import msgspec

from steersman.content.events import engagement, publishing, qa
from steersman.content.events import review as said
from steersman.ledger import Event

Stage = Literal["draft", "checked", "in review", "approved", "scheduled", "published", "measured"]
STAGES: Final[tuple[Stage, ...]] = ("draft", "checked", "in review", "approved", "scheduled", "published", "measured")
STREAM_TYPES: Final = ("content.draft.*", "content.review.*", "content.remark.*")
"""What stands in the stream of a draft and matters here; the first pass's single findings do not."""
TYPES: Final = (*STREAM_TYPES, "content.post.*", engagement.ENGAGEMENT_OBSERVED)


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the file that something happened to, and when (ns since 1970 UTC)."""

    sha256: str
    at: int


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """A remark that is neither fixed nor dismissed; offsets hold in the version `sha256`."""

    id: str
    sha256: str
    round: int
    start: int
    end: int
    line: int
    category: str
    caught: str

    @property
    def is_note(self) -> bool:
        """Whether it is about the piece as a whole."""
        return self.start == self.end


class Out(msgspec.Struct, frozen=True, kw_only=True):
    """The post of this piece on one channel: when it is due, where it is out, what was measured last."""

    channel: str
    due_at: int | None = None
    scheduled_at: int | None = None
    wall: str = ""
    published: Version | None = None
    url: str = ""
    status: str = ""
    measured_at: int | None = None
    overdue: bool = False


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the stage follows from.

    Attributes:
        outcome: of the first pass over `latest`: pass, blocked, refused; "unchecked" for a version nobody checked.
        round: reviews that were asked for so far; `asked` is the one that waits, `ended` the last that was decided.
        reviewed: the version a person last approved or returned: what "changed since" is told against.
        decided: rounds that a person decided since the last approval.
        remarks: those still open; `raised` counts every remark of the current round.
    """

    draft: str
    title: str = ""
    type: str = ""
    words: int = 0
    latest: Version | None = None
    outcome: str = "unchecked"
    reason: str = ""
    gates: int = 0
    warnings: int = 0
    infos: int = 0
    round: int = 0
    asked: Version | None = None
    approved: Version | None = None
    reviewed: Version | None = None
    decided: int = 0
    ended: str = ""
    ended_at: int | None = None
    remarks: tuple[Open, ...] = ()
    raised: int = 0
    posts: dict[str, Out] = {}

    def on_disk(self, sha256: str, at: int) -> Piece:
        """Return the piece as of a file that holds `sha256`, which the first pass may not have seen."""
        if self.latest is not None and self.latest.sha256 == sha256:
            return self
        changes = {"latest": Version(sha256=sha256, at=at), "outcome": "unchecked", "reason": ""}
        return msgspec.structs.replace(self, **changes, gates=0, warnings=0, infos=0)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a piece stands, since when (None: nothing happened yet), and why not further."""

    stage: Stage
    since: int | None
    why: str = ""


def standing(piece: Piece) -> Standing:
    """Say where `piece` stands. What was decided about a version holds for that version alone.

    A piece that is out and unchanged is published (measured, once there are figures). Else it stands where its latest
    version stands, and `why` tells what the change undid.
    """
    out = [post for post in piece.posts.values() if post.published is not None]
    latest = piece.latest.sha256 if piece.latest is not None else ""
    if out and all(post.published is not None and post.published.sha256 in ("", latest) for post in out):
        measured = [post.measured_at for post in out if post.measured_at is not None]
        since = max(measured) if measured else min(post.published.at for post in out if post.published is not None)
        return Standing(stage="measured" if measured else "published", since=since, why=_trouble(piece))
    return _before_publication(piece, latest, edited="edited since it went out" if out else "")


def _before_publication(piece: Piece, latest: str, *, edited: str) -> Standing:
    if piece.asked is not None:
        changed = piece.asked.sha256 != latest
        why = f"the file changed since it was sent for review; ask again for round {piece.round + 1}" if changed else ""
        return Standing(stage="in review", since=piece.asked.at, why=why or edited)
    is_approved = piece.approved is not None and piece.approved.sha256 == latest
    lost = piece.approved is not None and not is_approved and piece.ended == "approved"
    scheduled = [post.scheduled_at for post in piece.posts.values() if post.scheduled_at is not None]
    if scheduled and not lost and piece.outcome == "pass":
        return Standing(stage="scheduled", since=min(scheduled), why=_trouble(piece) or edited)
    if is_approved and piece.approved is not None:
        return Standing(stage="approved", since=piece.approved.at, why=_trouble(piece) or edited)
    undone = edited or ("changed since it was approved" if lost else "")
    if piece.ended == "returned" and piece.reviewed is not None and piece.reviewed.sha256 == latest:
        undone = f"returned in round {piece.round}"
    if piece.outcome == "pass" and piece.latest is not None:
        return Standing(stage="checked", since=piece.latest.at, why=undone or _trouble(piece))
    return Standing(
        stage="draft",
        since=piece.latest.at if piece.latest is not None else None,
        why="; ".join(part for part in (undone, _why_draft(piece)) if part),
    )


def _trouble(piece: Piece) -> str:
    """Say what is wrong with a post of the piece, or what it still waits for."""
    for post in piece.posts.values():
        if post.overdue:
            return f"overdue on {post.channel}: due {post.wall}"
        if post.status in ("failed", "unconfirmed"):
            return f"{post.status} on {post.channel}"
        if post.status in ("withdrawn", "deleted"):
            return f"{'being ' if post.published is not None else ''}taken off {post.channel}"
    out = any(post.published is not None for post in piece.posts.values())
    waits = [post for post in piece.posts.values() if post.published is None and post.due_at is not None]
    return f"waits for {waits[0].channel} until {waits[0].wall}" if out and waits else ""


def _why_draft(piece: Piece) -> str:
    if piece.outcome == "blocked":
        return f"{piece.gates} open {'gate' if piece.gates == 1 else 'gates'}"
    return piece.reason or ("not checked in this version" if piece.outcome == "unchecked" else piece.outcome)


# -- the fold ----------------------------------------------------------------------------------------------------


def step(piece: Piece, event: Event) -> Piece:
    """Return `piece` after `event`, which is about it; an event of no meaning here changes nothing."""
    found = _STEPS.get(event.type)
    if found is None:
        return piece
    type_, change = found
    after: Piece = change(piece, msgspec.json.decode(event.data, type=type_))
    return after


def _set(piece: Piece, **changes: object) -> Piece:
    return msgspec.structs.replace(piece, **changes)


def _checked(piece: Piece, c: qa.DraftChecked) -> Piece:
    # The same version checked again (other rules, other vocabulary) has stood there since it was first seen.
    same = piece.latest if piece.latest is not None and piece.latest.sha256 == c.content_sha256 else None
    return _set(
        piece,
        latest=same or Version(sha256=c.content_sha256, at=c.at),
        title=c.title,
        words=c.words,
        outcome=c.outcome,
        reason="",
        gates=c.gates,
        warnings=c.warnings,
        infos=c.infos,
    )


def _refused(piece: Piece, r: qa.DraftRefused) -> Piece:
    latest = Version(sha256="", at=r.at)
    reason = f"line {r.line}: {r.reason}" if r.line else r.reason
    return _set(piece, latest=latest, outcome="refused", reason=reason, gates=0, warnings=0, infos=0)


def _requested(piece: Piece, r: said.ReviewRequested) -> Piece:
    asked = Version(sha256=r.content_sha256, at=r.at)
    return _set(piece, round=r.round, asked=asked, type=r.type, raised=0)


def _ended(piece: Piece, e: said.ReviewEnded) -> Piece:
    if piece.asked is None or e.round != piece.round:
        return piece
    version = Version(sha256=e.content_sha256, at=e.at)
    changes: dict[str, object] = {"asked": None, "ended": e.outcome, "ended_at": e.at}
    if e.outcome == "approved":
        changes |= {"approved": version, "reviewed": version, "decided": 0}
    elif e.outcome == "returned":
        # Who returns a version says that it may not go out, whatever was said about it before.
        keeps = piece.approved if piece.approved is not None and piece.approved.sha256 != e.content_sha256 else None
        changes |= {"approved": keeps, "reviewed": version, "decided": piece.decided + 1}
    else:
        changes["ended"] = piece.ended
    return _set(piece, **changes)


def _raised(piece: Piece, r: said.RemarkRaised) -> Piece:
    if any(remark.id == r.id for remark in piece.remarks):
        return piece
    remark = Open(
        id=r.id,
        sha256=r.content_sha256,
        round=r.round,
        start=r.start,
        end=r.end,
        line=r.line,
        category=r.category,
        caught=r.caught,
    )
    return _set(piece, remarks=(*piece.remarks, remark), raised=piece.raised + 1)


def _settled(piece: Piece, s: said.RemarkSettled) -> Piece:
    return _set(piece, remarks=tuple(remark for remark in piece.remarks if remark.id != s.id))


_NO_TIME: Final[dict[str, object]] = {"due_at": None, "scheduled_at": None, "wall": "", "overdue": False}


def _post(piece: Piece, key: str, **changes: object) -> Piece:
    post = msgspec.structs.replace(piece.posts.get(key, Out(channel=key.partition("/")[0])), **changes)
    return _set(piece, posts={**piece.posts, key: post})


def _scheduled(piece: Piece, s: publishing.PostScheduled) -> Piece:
    changed = _post(piece, s.key, due_at=s.due_at, scheduled_at=s.at, wall=s.wall, overdue=False)
    return _set(changed, type=s.type or piece.type)


def _unscheduled(piece: Piece, u: publishing.PostUnscheduled) -> Piece:
    return _post(piece, u.key, **_NO_TIME)


def _published(piece: Piece, p: publishing.PostPublished) -> Piece:
    before = piece.posts.get(p.key)
    # The first time counts: an update does not make a piece younger.
    first = before.published.at if before is not None and before.published is not None else p.at
    version = Version(sha256=p.draft_sha256 or p.content_sha256, at=first)
    return _post(piece, p.key, published=version, url=p.url, status="published", **_NO_TIME)


def _failed(status: str) -> Callable[[Piece, publishing.PostEnded], Piece]:
    return lambda piece, end: _post(piece, end.key, status=status)


def _deleted(piece: Piece, d: publishing.PostDeleted) -> Piece:
    return _post(piece, d.key, published=None, url="", status="deleted", measured_at=None)


def _overdue(piece: Piece, o: publishing.PostOverdue) -> Piece:
    return _post(piece, o.key, overdue=True)


def _overdue_ended(piece: Piece, o: publishing.PostOverdueEnded) -> Piece:
    return _post(piece, o.key, overdue=False)


def _withdrawn(piece: Piece, w: publishing.PostWithdrawn) -> Piece:
    return _post(piece, w.key, status="withdrawn", **_NO_TIME)


def _measured(piece: Piece, e: engagement.EngagementObserved) -> Piece:
    return _post(piece, e.key, measured_at=e.at) if e.key in piece.posts else piece


S = TypeVar("S", bound=msgspec.Struct)


def _on(type_: type[S], change: Callable[[Piece, S], Piece]) -> tuple[Any, Any]:
    return type_, change


_STEPS: Final[dict[str, tuple[Any, Any]]] = {
    qa.DRAFT_CHECKED: _on(qa.DraftChecked, _checked),
    qa.DRAFT_REFUSED: _on(qa.DraftRefused, _refused),
    said.REVIEW_REQUESTED: _on(said.ReviewRequested, _requested),
    said.REVIEW_ENDED: _on(said.ReviewEnded, _ended),
    said.REMARK_RAISED: _on(said.RemarkRaised, _raised),
    said.REMARK_SETTLED: _on(said.RemarkSettled, _settled),
    publishing.POST_SCHEDULED: _on(publishing.PostScheduled, _scheduled),
    publishing.POST_UNSCHEDULED: _on(publishing.PostUnscheduled, _unscheduled),
    publishing.POST_PUBLISHED: _on(publishing.PostPublished, _published),
    publishing.POST_UNCONFIRMED: _on(publishing.PostEnded, _failed("unconfirmed")),
    publishing.POST_FAILED: _on(publishing.PostEnded, _failed("failed")),
    publishing.POST_DELETED: _on(publishing.PostDeleted, _deleted),
    publishing.POST_WITHDRAWN: _on(publishing.PostWithdrawn, _withdrawn),
    publishing.POST_OVERDUE: _on(publishing.PostOverdue, _overdue),
    publishing.POST_OVERDUE_ENDED: _on(publishing.PostOverdueEnded, _overdue_ended),
    engagement.ENGAGEMENT_OBSERVED: _on(engagement.EngagementObserved, _measured),
}
