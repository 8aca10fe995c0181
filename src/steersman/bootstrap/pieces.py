"""Pieces as the board and the reviewer see them: the ledger's word on each, held against the file as it is now."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec

from steersman.bootstrap.content import kept
from steersman.bootstrap.desk import Desk
from steersman.content import queries as content
from steersman.content.drafts import find_draft, find_drafts, names_for, read_draft
from steersman.content.model.draft import Draft, DraftUnreadable
from steersman.content.model.finding import Finding
from steersman.content.model.learning import Outcome
from steersman.content.qa.checker import DraftChecker
from steersman.content.queries import FindingRow, learning
from steersman.content.queries import pieces as rows
from steersman.content.queries.pieces import RemarkRow, RoundRow
from steersman.content.review.changes import Changes, Hunk
from steersman.content.review.kept import Kept
from steersman.content.review.piece import STAGES, Out, Piece, Stage, standing
from steersman.content.review.remarks import placed
from steersman.content.settings import QaSettings
from steersman.kernel.errors import Misconfigured

Now = Literal["open", "moved on", "fixed", "dismissed"]


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A piece on the board. Instants in ns since 1970 UTC.

    Attributes:
        round: reviews that were asked for so far.
        since: when it came to its stage; `why` says what keeps it there or threw it back.
        gates, warnings, infos: of the first pass over this version; `remarks` of people, still open.
        due_at, wall: of the earliest post that has a time; `overdue` if one should have been out.
        url: where it is out, the first channel.
    """

    stage: Stage
    draft: str
    title: str
    type: str
    words: int
    round: int
    since: int | None
    why: str
    gates: int
    warnings: int
    infos: int
    remarks: int
    due_at: int | None
    wall: str
    overdue: bool
    url: str
    posts: dict[str, Out]
    content_sha256: str
    on_disk: bool

    @property
    def waits_for_person(self) -> bool:
        return self.stage == "in review"


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """A remark beside the text as it is now.

    Attributes:
        text: its words; None if they are not kept here. `quote` is what it pointed at when it was made.
        now: open; moved on (what it points at changed: it settles as fixed with the next round); fixed; dismissed.
        start, end, line: where it stands in the text as it is now; None once that changed.
        is_new: it settled when the round that waits was asked for: the reviewer should look.
    """

    row: RemarkRow
    text: str | None
    quote: str
    now: Now
    start: int | None = None
    end: int | None = None
    line: int | None = None
    is_new: bool = False

    @property
    def is_note(self) -> bool:
        return self.row.start == self.row.end


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A piece in full.

    Attributes:
        text: the file as it is now; None if it cannot be read (`card.why` says why).
        checked: the first pass saw exactly this version, so that `findings` (open and suppressed) stand in `text`.
        judged: what people said about findings, by fingerprint: accepted or rejected.
        changes: word by word since the version a person last decided about; None: there is none, or its text is not
            kept here; `against` is its round.
    """

    card: Card
    text: str | None
    body_line: int
    checked: bool
    findings: tuple[FindingRow, ...]
    judged: dict[str, Outcome]
    remarks: tuple[Remark, ...]
    rounds: tuple[RoundRow, ...]
    changes: tuple[Hunk, ...] | None
    against: int | None
    waits: bool


def board(desk: Desk) -> list[Card]:
    """Return every piece that is on disk, in review or out: stage by stage, the longest in its stage first.

    Those that are scheduled stand in the order in which they are due.
    """
    workspace = desk.workspace
    known = rows.pieces(desk.db)
    names = find_drafts(workspace.root, workspace.content.qa)
    cards = [_card(desk, name, known.get(name)) for name in names]
    gone = (piece for name, piece in known.items() if name not in set(names))
    cards += [_gone(piece) for piece in gone if piece.asked is not None or _is_out(piece)]
    return sorted(cards, key=_order)


def _order(card: Card) -> tuple[int, int, str]:
    at = card.due_at if card.stage == "scheduled" else card.since
    return STAGES.index(card.stage), at or 0, card.draft


def name_of(desk: Desk, path: Path) -> str:
    """Return the draft that `path` names; one that is gone is still known by the name it had.

    Raises:
        Misconfigured: it names none, or a folder of several.
    """
    root, qa = desk.workspace.root, desk.workspace.content.qa
    try:
        return find_draft(root, qa, path)
    except Misconfigured:
        gone = next((name for name in names_for(root, qa, path) if rows.piece(desk.db, name) is not None), None)
        if gone is None:
            raise
        return gone


def look(desk: Desk, name: str) -> View | None:
    """Return the piece `name` in full; None if there never was one."""
    workspace, db = desk.workspace, desk.db
    piece = rows.piece(db, name)
    is_there = name in find_drafts(workspace.root, workspace.content.qa)
    if piece is None and not is_there:
        return None
    card = _card(desk, name, piece) if is_there or piece is None else _gone(piece)
    draft = _read(desk, name) if is_there else None
    if draft is not None:
        # What is approved from this page is the text that is on it.
        card = msgspec.structs.replace(card, content_sha256=draft.sha256)
    piece = piece or Piece(draft=name)
    checked = draft is not None and piece.latest is not None and piece.latest.sha256 == draft.sha256
    found = content.findings(db, name) if checked else []
    rounds = rows.rounds(db, name)
    changes, against = _changes(kept(desk), piece, draft, rounds)
    return View(
        card=card,
        text=None if draft is None else draft.masked.source,
        body_line=1 if draft is None else draft.masked.lines.position(draft.body_start)[0],
        checked=checked,
        findings=tuple(f for f in found if f.status != "gone"),
        judged=learning.verdicts(db, name),
        remarks=tuple(_remarks(kept(desk), piece, draft, rows.remarks(db, name), rounds)),
        rounds=tuple(rounds),
        changes=changes,
        against=against,
        waits=piece.asked is not None,
    )


def _read(desk: Desk, name: str) -> Draft | None:
    try:
        return read_draft(desk.workspace.root, name, desk.workspace.content.qa)
    except DraftUnreadable:
        return None  # the card says why


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    """What the board needs of a file; `refused` says why it is no draft, and is empty if it is one."""

    sha256: str = "unreadable"
    title: str = ""
    type: str = ""
    words: int = 0
    is_ready: bool = False
    refused: str = ""


@lru_cache(maxsize=4096)
def _head(root: Path, name: str, settings: QaSettings, stamp: tuple[int, int, int]) -> _Head:
    """Read the head of a draft; a file with the same inode, size and time of change (`stamp`) is not read again."""
    try:
        draft = read_draft(root, name, settings)
    except DraftUnreadable as refusal:
        return _Head(refused=f"line {refusal.line}: {refusal.reason}" if refusal.line else refusal.reason)
    ready = draft.status == "ready"
    return _Head(sha256=draft.sha256, title=draft.title, type=draft.type, words=draft.words, is_ready=ready)


def said_now(desk: Desk, name: str, first_pass: Callable[[], DraftChecker]) -> dict[str, Finding]:
    """Return what the first pass says of the draft as it is on disk, by fingerprint; records nothing.

    The ledger holds findings without the draft's words, and so without what could stand instead of them.

    Args:
        first_pass: gives the engines; asked only if the draft can be read.
    """
    try:
        draft = read_draft(desk.workspace.root, name, desk.workspace.content.qa)
    except DraftUnreadable:
        return {}
    return {finding.fingerprint: finding for finding in first_pass().findings(draft)}


def _card(desk: Desk, name: str, piece: Piece | None) -> Card:
    workspace = desk.workspace
    try:
        found = (workspace.root / name).stat()
        stamp = (found.st_ino, found.st_size, found.st_mtime_ns)
    except OSError:
        stamp = (0, 0, 0)
    head = _head(workspace.root, name, workspace.content.qa, stamp)
    known = piece or Piece(draft=name)
    now = known.on_disk(head.sha256, stamp[2])
    if head.refused:
        now = msgspec.structs.replace(now, outcome="refused", reason=head.refused)
    card = _of(now, title=head.title or known.title, type_=head.type or known.type, words=head.words, on_disk=True)
    if card.stage == "scheduled" and not head.is_ready:
        card = msgspec.structs.replace(card, why=card.why or "does not go out before it says status: ready")
    return card


def _gone(piece: Piece) -> Card:
    card = _of(piece, title=piece.title, type_=piece.type, words=piece.words, on_disk=False)
    return msgspec.structs.replace(card, why="its file is gone")


def _is_out(piece: Piece) -> bool:
    return any(post.published is not None for post in piece.posts.values())


def _of(piece: Piece, *, title: str, type_: str, on_disk: bool, words: int = 0) -> Card:
    stands = standing(piece)
    timed = sorted((p for p in piece.posts.values() if p.due_at is not None), key=lambda p: p.due_at or 0)
    return Card(
        stage=stands.stage,
        draft=piece.draft,
        title=title or piece.draft,
        type=type_,
        words=words,
        round=piece.round,
        since=stands.since or None,
        why=stands.why,
        gates=piece.gates,
        warnings=piece.warnings,
        infos=piece.infos,
        remarks=len(piece.remarks),
        due_at=timed[0].due_at if timed else None,
        wall=timed[0].wall if timed else "",
        overdue=any(post.overdue for post in piece.posts.values()),
        url=next((post.url for post in piece.posts.values() if post.url), ""),
        posts=piece.posts,
        content_sha256=piece.latest.sha256 if piece.latest is not None else "",
        on_disk=on_disk,
    )


def _changes(
    store: Kept, piece: Piece, draft: Draft | None, rounds: list[RoundRow]
) -> tuple[tuple[Hunk, ...] | None, int | None]:
    if piece.reviewed is None or draft is None:
        return None, None
    decided = [r for r in rounds if r.content_sha256 == piece.reviewed.sha256 and r.outcome in ("approved", "returned")]
    against = decided[-1].round if decided else None
    before = store.version(piece.draft, piece.reviewed.sha256)
    return (None if before is None else tuple(Changes(before, draft.masked.source).hunks())), against


def _remarks(
    store: Kept, piece: Piece, draft: Draft | None, found: list[RemarkRow], rounds: list[RoundRow]
) -> list[Remark]:
    places = {} if draft is None else placed(store, piece, draft)
    # What was settled with the latest request is news to whoever reads that round.
    asked_at = rounds[-1].asked_at if rounds else None
    shown = []
    for row in found:
        words = store.words(row.id)
        place = places.get(row.id)
        remark = Remark(
            row=row,
            text=None if words is None else words.text,
            quote="" if words is None else words.quote,
            now=_now(row, changed=row.id in places and place is None),
            is_new=row.status == "fixed" and asked_at is not None and (row.settled_at or 0) >= asked_at,
        )
        if row.status == "open" and place is not None and draft is not None:
            line = draft.masked.lines.position(place[0])[0]
            remark = msgspec.structs.replace(remark, start=place[0], end=place[1], line=line)
        shown.append(remark)
    return shown


def _now(row: RemarkRow, *, changed: bool) -> Now:
    if row.status == "open":
        return "moved on" if changed else "open"
    return "fixed" if row.status == "fixed" else "dismissed"
