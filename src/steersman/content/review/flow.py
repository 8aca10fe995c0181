"""The acts of a review: ask, remark, return, approve, withdraw, dismiss. Each is one append, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, Protocol, TypeVar

import msgspec

from steersman.content.drafts import read_draft
from steersman.content.events.qa import DRAFT_CHECKED, DraftChecked
from steersman.content.events.review import (
    REMARK_RAISED,
    REMARK_SETTLED,
    REVIEW_ENDED,
    REVIEW_REQUESTED,
    RemarkRaised,
    RemarkSettled,
    ReviewEnded,
    ReviewRequested,
)
from steersman.content.model.draft import Draft
from steersman.content.review.asking import answered, asked
from steersman.content.review.kept import Kept, Words
from steersman.content.review.piece import STREAM_TYPES, Piece, step
from steersman.content.review.remarks import caught, checked_words, placed, remark_id
from steersman.content.settings import QaSettings
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Conflict, Misconfigured, Rejected
from steersman.ledger import Event, Ledger, NewEvent, new_event

_TRIES: Final = 5
T = TypeVar("T")


class Passed(Protocol):
    """What the review needs to know of a first pass."""

    @property
    def gates(self) -> int: ...
    @property
    def warnings(self) -> int: ...
    @property
    def infos(self) -> int: ...


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """A round of review after an act. `fixed` names remarks that settled themselves, `open` those that stand."""

    draft: str
    round: int
    outcome: str
    content_sha256: str
    gates: int = 0
    warnings: int = 0
    infos: int = 0
    fixed: tuple[str, ...] = ()
    open: tuple[str, ...] = ()


class Remarked(msgspec.Struct, frozen=True, kw_only=True):
    """A remark that was recorded; `caught` names the first-pass finding at its place, empty if that had missed it."""

    id: str
    draft: str
    line: int
    start: int
    end: int
    category: str
    caught: str


class Reviews:
    """The review of one workspace's drafts, as one person (or script) acts on it.

    Raises, all acts:
        Rejected: a rule says no (only a person decides; the version on disk is not the one that was asked about).
        Conflict: others kept acting on the same draft at the same time.
        Unavailable: the ledger or the disk takes nothing now.
        DraftUnreadable: the file is no draft.
    """

    def __init__(
        self,
        *,
        root: Path,
        settings: QaSettings,
        ledger: Ledger,
        clock: Clock,
        kept: Kept,
        first_pass: Callable[[Draft], Passed],
        actor: str,
    ) -> None:
        """Set up; `first_pass` checks a draft and records what is new about it."""
        self._root = root
        self._settings = settings
        self._ledger = ledger
        self._clock = clock
        self._kept = kept
        self._first_pass = first_pass
        self._actor = actor

    def piece(self, name: str) -> Piece:
        """Return what was said about the draft `name` so far; what its posts did is not part of it."""
        return _folded(self._ledger.read(stream=_stream(name), types=STREAM_TYPES), name)

    def request(self, name: str, *, anyway: bool = False) -> Round:
        """Ask a person to read this version; remarks whose place changed since settle themselves as fixed.

        A round that still waits for an earlier version is withdrawn with it.
        """
        draft = self._draft(name)
        passed = self._first_pass(draft)
        if passed.gates and not anyway:
            gates = f"{passed.gates} {'gate is' if passed.gates == 1 else 'gates are'} open"
            raise Rejected(
                f"{name}: {gates}, and a person's time is not spent on what the first pass finds",
                fix=f"steersman content check {name}, or ask with --anyway",
            )
        self._kept.keep_version(name, draft.sha256, draft.masked.source)
        done = self._again(name, lambda piece, version: self._request(piece, version, draft, passed))
        self._forget(name)
        return done

    def _request(self, piece: Piece, version: int, draft: Draft, passed: Passed) -> Round:
        if piece.asked is not None and piece.asked.sha256 == draft.sha256:
            raise Rejected(f"{draft.name} waits in round {piece.round} already", fix="steersman inbox list")
        if piece.approved is not None and piece.approved.sha256 == draft.sha256:
            raise Rejected(f"{draft.name} is approved in this version", fix="steersman content publish --dry-run")
        now = self._clock.now_ns()
        events = self._end(piece, "withdrawn", now) if piece.asked is not None else []
        fixed = tuple(id_ for id_, place in placed(self._kept, piece, draft).items() if place is None)
        events += [self._settled(draft.name, id_, "fixed", now) for id_ in fixed]
        data = ReviewRequested(
            draft=draft.name,
            content_sha256=draft.sha256,
            type=draft.type,
            round=piece.round + 1,
            gates=passed.gates,
            warnings=passed.warnings,
            infos=passed.infos,
            at=now,
        )
        request = self._event(REVIEW_REQUESTED, draft.name, data)
        # The draft's own stream comes first: its version is what `expect` holds against.
        own = [e for e in [*events, request] if e.stream == _stream(draft.name)]
        others = [e for e in events if e.stream != _stream(draft.name)]
        inbox = asked(data, title=draft.title, actor=self._actor, cause=request)
        self._ledger.append([*own, *others, inbox], expect=version)
        return Round(
            draft=draft.name,
            round=data.round,
            outcome="in review",
            content_sha256=draft.sha256,
            gates=passed.gates,
            warnings=passed.warnings,
            infos=passed.infos,
            fixed=fixed,
            open=tuple(r.id for r in piece.remarks if r.id not in fixed),
        )

    def remark(self, name: str, *, start: int, end: int, category: str, text: str, sha256: str = "") -> Remarked:
        """Record what a person objects to at `start` up to `end` (code points); equal ones: the piece as a whole.

        With `sha256`, only if the file still is that version: the offsets are of the page somebody looked at.
        """
        self._only_a_person("remarks on a draft")
        words = checked_words(text, category)
        draft = self._draft(name)
        if sha256 and sha256 != draft.sha256:
            raise Rejected(
                f"{name} changed since you opened it",
                fix="look at it again and say it there; your words were not recorded",
            )
        source = draft.masked.source
        if not 0 <= start <= end <= len(source):
            raise Rejected(f"there is no place {start} to {end}", fix=f"the draft has {len(source)} code points")
        if self._latest_pass(name, draft.sha256) is None:
            self._first_pass(draft)
        id_ = remark_id(name, draft.sha256, (start, end), category, words)
        # Words and text first: an event whose words are lost is worse than words without an event.
        self._kept.keep_version(name, draft.sha256, source)
        self._kept.keep_words(id_, Words(draft=name, text=words, quote=source[start:end][:400]))
        return self._again(
            name, lambda piece, version: self._remark(piece, version, draft, id_, (start, end, category))
        )

    def _remark(self, piece: Piece, version: int, draft: Draft, id_: str, place: tuple[int, int, str]) -> Remarked:
        start, end, category = place
        if any(remark.id == id_ for remark in piece.remarks):
            raise Rejected("the same remark stands there already", fix=f"steersman content show {draft.name}")
        finding = caught(self._latest_pass(draft.name, draft.sha256), start, end)
        line = draft.masked.lines.position(start)[0]
        data = RemarkRaised(
            draft=draft.name,
            content_sha256=draft.sha256,
            type=draft.type,
            round=piece.round,
            id=id_,
            start=start,
            end=end,
            line=line,
            category=category,
            caught=finding,
            about="piece" if start == end else "place",
            at=self._clock.now_ns(),
        )
        self._ledger.append([self._event(REMARK_RAISED, draft.name, data)], expect=version)
        return Remarked(id=id_, draft=draft.name, line=line, start=start, end=end, category=category, caught=finding)

    def _latest_pass(self, name: str, sha256: str) -> DraftChecked | None:
        latest = None
        for event in self._ledger.read(stream=_stream(name), types=(DRAFT_CHECKED,)):
            latest = event
        found = None if latest is None else msgspec.json.decode(latest.data, type=DraftChecked)
        return found if found is not None and found.content_sha256 == sha256 else None

    def approve(self, name: str, *, sha256: str = "", round_: int = 0) -> Round:
        """Let the version that was asked about go out; nothing else of this draft.

        With `sha256` or `round_`, only if that is what waits: what somebody looked at when deciding.
        """
        self._only_a_person("approves a draft")
        return self._decide(name, "approved", sha256, round_)

    def return_(self, name: str, *, text: str = "", sha256: str = "", round_: int = 0) -> Round:
        """Send the draft back to its author, with the open remarks; `text` becomes one about the whole piece."""
        self._only_a_person("returns a draft")
        piece = self._waiting(self.piece(name), sha256, round_)
        if text.strip() and piece.asked is not None:
            self._note(piece, text, piece.asked.sha256)
        elif not piece.remarks:
            raise Rejected(
                f"{name} has no open remark, and its author would not know why it comes back",
                fix=f'steersman content remark {name} --at LINE "...", or say why: content return {name} "..."',
            )
        return self._decide(name, "returned", sha256, round_)

    def _note(self, piece: Piece, text: str, sha256: str) -> None:
        """Record why it comes back, unless that stands there: a second try after a crash says it only once."""
        note = remark_id(piece.draft, sha256, (0, 0), "other", checked_words(text, "other"))
        if not any(remark.id == note for remark in piece.remarks):
            self.remark(piece.draft, start=0, end=0, category="other", text=text, sha256=sha256)

    def withdraw(self, name: str) -> Round:
        """Take the draft out of review undecided."""
        return self._again(name, lambda piece, version: self._ended(self._waiting(piece), version, "withdrawn"))

    def _decide(self, name: str, outcome: str, sha256: str, round_: int) -> Round:
        on_disk = self._draft(name).sha256

        def decide(piece: Piece, version: int) -> Round:
            waits = self._waiting(piece, sha256, round_)
            if waits.asked is not None and waits.asked.sha256 != on_disk:
                raise Rejected(
                    f"{name} changed since it was sent for review: round {waits.round} was about another version",
                    fix=f"steersman content review {name} asks for the next round",
                )
            return self._ended(waits, version, outcome)

        done = self._again(name, decide)
        self._forget(name)
        return done

    def _waiting(self, piece: Piece, sha256: str = "", round_: int = 0) -> Piece:
        name = piece.draft
        if piece.asked is None:
            was = f"; round {piece.round} was {piece.ended}" if piece.ended else ""
            raise Rejected(f"{name} does not wait for review{was}", fix=f"steersman content review {name}")
        if (sha256 and sha256 != piece.asked.sha256) or (round_ and round_ != piece.round):
            raise Rejected(
                f"{name} waits in round {piece.round}, with another version than the one you decided about",
                fix=f"look again: steersman content show {name}",
            )
        return piece

    def _ended(self, piece: Piece, version: int, outcome: str) -> Round:
        events = self._end(piece, outcome, self._clock.now_ns())
        self._ledger.append(events, expect=version)
        return Round(
            draft=piece.draft,
            round=piece.round,
            outcome=outcome,
            content_sha256=piece.asked.sha256 if piece.asked is not None else "",
            open=tuple(remark.id for remark in piece.remarks),
        )

    def _end(self, piece: Piece, outcome: str, now: int) -> list[NewEvent]:
        """Return the end of the waiting round, and the event that takes it out of the inbox."""
        if piece.asked is None:  # pragma: no cover - the callers have looked
            raise AssertionError(f"{piece.draft} is not in review")
        data = ReviewEnded(
            draft=piece.draft,
            content_sha256=piece.asked.sha256,
            type=piece.type,
            round=piece.round,
            outcome=outcome,
            remarks=piece.raised,
            rounds=piece.decided + 1 if outcome == "approved" else 0,
            at=now,
        )
        end = self._event(REVIEW_ENDED, piece.draft, data)
        return [end, answered(piece.draft, piece.round, outcome, by=self._actor, at=data.at, cause=end)]

    def dismiss(self, remark_id: str, drafts: Sequence[str]) -> RemarkSettled:
        """Say that a remark is none after all. `remark_id` may be shortened; `drafts` are those to look in.

        Raises:
            Misconfigured: no open remark begins so, or several do.
        """
        self._only_a_person("dismisses a remark")
        found = [
            (name, remark.id)
            for name in drafts
            for remark in self.piece(name).remarks
            if remark_id and remark.id.startswith(remark_id)
        ]
        if len(found) != 1:
            several = ", ".join(id_ for _, id_ in found[:5])
            raise Misconfigured(
                f"{len(found)} open remarks begin with {remark_id!r}" if found else f"no open remark {remark_id!r}",
                fix=f"one of {several}" if found else "steersman content show DRAFT names them",
            )
        name, id_ = found[0]
        settled = self._settled(name, id_, "dismissed", self._clock.now_ns())
        self._ledger.append([settled])
        return msgspec.json.decode(settled.data, type=RemarkSettled)

    def _settled(self, name: str, id_: str, how: str, now: int) -> NewEvent:
        return self._event(REMARK_SETTLED, name, RemarkSettled(draft=name, id=id_, how=how, at=now))

    def _event(self, kind: str, name: str, data: msgspec.Struct) -> NewEvent:
        now = self._clock.now_ns()
        return new_event(kind, stream=_stream(name), data=data, actor=self._actor, now_ns=now)

    def _again(self, name: str, act: Callable[[Piece, int], T]) -> T:
        """Do `act` on the draft's state as of now, anew if somebody else was faster."""
        for attempt in range(_TRIES):
            version = self._ledger.stream_version(_stream(name))
            try:
                return act(self.piece(name), version)
            except Conflict:
                if attempt == _TRIES - 1:
                    raise
        raise AssertionError("unreachable")  # pragma: no cover - the loop returns or raises

    def _draft(self, name: str) -> Draft:
        return read_draft(self._root, name, self._settings)

    def _only_a_person(self, does: str) -> None:
        if not self._actor.startswith("person:"):
            raise Rejected(f"only a person {does}, not {self._actor}", fix="do it yourself, or in the console")

    def _forget(self, name: str) -> None:
        piece = self.piece(name)
        needed = {remark.sha256 for remark in piece.remarks}
        needed |= {v.sha256 for v in (piece.asked, piece.reviewed, piece.approved) if v is not None}
        self._kept.forget(name, needed)


def _stream(name: str) -> str:
    return f"draft/{name}"


def _folded(events: Iterable[Event], name: str) -> Piece:
    piece = Piece(draft=name)
    for event in events:
        piece = step(piece, event)
    return piece
