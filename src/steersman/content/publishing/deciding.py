"""What each draft is due for on each channel: decided from what is out, what is due and what may go out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from steersman.content.drafts import find_drafts, read_draft
from steersman.content.events.publishing import POST_UNCONFIRMED, POST_WITHDRAWN, PostPublished
from steersman.content.images import Picture, pictures
from steersman.content.model.draft import Draft, DraftUnreadable
from steersman.content.ports import Channel, Clearance
from steersman.content.publishing import intents
from steersman.content.publishing.doubles import Doubles
from steersman.content.publishing.due import Due, due
from steersman.content.publishing.intents import DOES, Intent
from steersman.content.publishing.outbox import Outbox, PostState
from steersman.content.publishing.retry import still_waits, why_not_yet
from steersman.content.publishing.stored import PostStore
from steersman.content.publishing.variants import Variant, variant
from steersman.content.qa.checker import DraftChecker, Report
from steersman.kernel.clock import Clock, utc
from steersman.kernel.errors import Corrupt, Misconfigured
from steersman.ledger import Ledger


class ChannelRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings say about a channel, whatever its kind.

    Attributes:
        types: content types it takes; empty takes all. A draft that names its channels goes there whatever its type.
        link: the channel whose address its posts carry; empty: none.
        settings_sha256: of all its settings: what a post that failed for good waits for.
        problem: why it cannot be set up (a secret that is missing), with the fix; empty: it can. Nothing is done there.
    """

    types: tuple[str, ...] = ()
    link: str = ""
    settings_sha256: str = ""
    problem: str = ""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """An intent with what is needed to carry it out."""

    intent: Intent
    version: int
    draft: Draft | None = None
    variant: Variant | None = None


class Decider:
    """Decides for the drafts of one workspace; calls no channel, and writes nothing but the checks it makes."""

    def __init__(
        self,
        *,
        checker: DraftChecker,
        ledger: Ledger,
        clock: Clock,
        channels: Mapping[str, Channel],
        rules: Mapping[str, ChannelRules],
        clearance: Clearance | None,
        tz: str,
        only: str | None,
        outbox: Outbox,
        store: PostStore,
        waits_for_slots: bool,
    ) -> None:
        """Set up; the arguments are those of `Publisher`, `rules` one for each channel."""
        self._checker = checker
        self._ledger = ledger
        self._clock = clock
        self._channels = channels
        self._rules = rules
        self._clearance = clearance
        self._tz = ZoneInfo(tz)
        self._only = only
        self._outbox = outbox
        self._store = store
        self._waits_for_slots = waits_for_slots
        self._doubles: Doubles | None = None
        # A post that carries an address goes after the one it leads to.
        self._order = sorted(channels, key=lambda name: len(list(_leads(name, rules))))

    def variants(self, draft: Draft) -> list[Variant]:
        """Return what each channel of `draft` would be shown now, in the order in which they go out.

        Of a channel that cannot be set up nothing is known: its variant is empty, and its problem says why.

        Raises:
            Misconfigured: no channel is declared.
        """
        self._need_channel()
        found = []
        shown = self.pictures(draft)
        for name in self._names(draft):
            link, note = self._address(draft, name)
            made = variant(draft, name, self._channels[name].limits, link=link, pictures=shown)
            problem = self._rules[name].problem
            notes = (*made.notes, *(one for one in (note, self._stray(draft)) if one))
            # What a channel shows depends on limits that only the channel itself knows.
            found.append(made.unknown(problem) if problem else msgspec.structs.replace(made, notes=notes))
        return found

    def steps(self, only: Sequence[Path], *, due: bool) -> Iterator[Step]:
        """Yield what there is to do with every draft, or `only` those, on each of its channels.

        Args:
            due: as `Publisher.publish_all`.

        Raises:
            Misconfigured: no channel is declared, or one of `only` is no draft.
        """
        self._need_channel()
        settings, root = self._checker.settings, self._checker.root
        self._doubles = None
        keys: set[str] = set()
        for name in find_drafts(root, settings, only):
            try:
                draft = read_draft(root, name, settings)
                keys |= {f"{channel}/{draft.slug}" for channel in self._channels}
            except DraftUnreadable as refusal:
                report = self._checker.refuse(refusal)
                place = f"line {report.line}: " if report.line else ""
                why = f"{place}{report.reason}"
                yield Step(intent=Intent(draft=name, channel="-", action="refused", reason=why), version=0)
            else:
                yield from self._of_draft(draft, is_named=bool(only) and not due, due=due)
        if not only:
            yield from self._orphans(keys)

    def _need_channel(self) -> None:
        if not self._channels:
            fix = 'write [channel.site] with kind = "site" and a base_url into steersman.toml'
            raise Misconfigured("no channel to publish on", fix=fix)

    def _orphans(self, known: Set[str]) -> Iterator[Step]:
        """Decide about posts on their way whose drafts are gone: what may be out is still looked up, or taken away."""
        doubtful = {
            event.stream.removeprefix("post/") for event in self._ledger.read(types=(POST_UNCONFIRMED, POST_WITHDRAWN))
        }
        for key in sorted(doubtful | set(self._store.all_keys())):
            channel = key.partition("/")[0]
            if key in known or channel not in self._channels or self._only not in (None, channel):
                continue
            state = self._outbox.state(key)
            named = state.planned
            if named is None or not (state.is_open or state.withdrawn is not None) or self._rules[channel].problem:
                continue
            action = "delete" if state.withdrawn is not None else "confirm"
            intent = Intent(
                draft=named.draft,
                channel=channel,
                action=action,
                reason="its draft is gone or cannot be read",
                title=named.title,
                key=key,
            )
            yield Step(intent=intent, version=state.version)

    def _of_draft(self, draft: Draft, *, is_named: bool, due: bool) -> Iterator[Step]:
        unknown = [name for name in draft.channels if name not in self._channels]
        if unknown:
            why = f"channel {unknown[0]!r} is not declared; declared: {', '.join(self._channels)}"
            yield Step(intent=intents.intent(draft, unknown[0], "refused", why), version=0)
            return
        report: list[Report] = []
        shown = self.pictures(draft)
        for name in self._names(draft):
            if self._only in (None, name):
                yield self.step(draft, name, shown, report, is_named=is_named, due=due)

    def step(
        self, draft: Draft, name: str, shown: Sequence[Picture], report: list[Report], *, is_named: bool, due: bool
    ) -> Step:
        """Decide about one draft on one channel; `report` keeps the draft's check for its further channels."""
        state = self._outbox.state(f"{name}/{draft.slug}")
        link, note = self._address(draft, name)
        made = variant(draft, name, self._channels[name].limits, link=link, pictures=shown)
        from_ = self._due(draft, state)
        action, why = self._action(draft, state, made, from_, note, is_named=is_named, due=due)
        needs_slot = action in ("publish", "waits") and not made.problems and self._needs_slot(draft, state)
        if action in ("publish", "update") or needs_slot:
            report[:] = report or [self._checker.check_draft(draft)]
            if report[0].gates:
                action, why, needs_slot = "blocked", _gates(report[0]), False
        if made.problems and action in ("publish", "update"):
            more = f" (and {len(made.problems) - 1} more)" if len(made.problems) > 1 else ""
            action, why = "refused", made.problems[0] + more
        if needs_slot and self._waits_for_slots and action == "publish" and not is_named:
            action, why = "waits", "waits for a slot: steersman content schedule"
        if self._rules[name].problem and action in DOES:
            action, why = "refused", self._rules[name].problem
        return Step(
            intent=intents.intent(draft, name, action, why, due_at=_late_from(state, from_), needs_slot=needs_slot),
            version=state.version,
            draft=draft if action in DOES else None,
            variant=made if action in DOES else None,
        )

    def _action(
        self, draft: Draft, state: PostState, made: Variant, from_: Due, note: str, *, is_named: bool, due: bool
    ) -> tuple[str, str]:
        plan, failed, published = state.planned, state.failed, state.published
        if plan is not None and plan.draft != draft.name and (self._checker.root / plan.draft).is_file():
            return "taken", f"its address belongs to {plan.draft}; give one of them another slug"
        if unsettled := self._unsettled(f"{made.channel}/{draft.slug}", state, due=due):
            return unsettled
        if published is not None and self._is_unchanged(draft, published.key, made, published):
            return "unchanged", f"out as {published.url}"
        if published is not None and not self._channels[made.channel].limits.can_update:
            return "unchanged", f"out as {published.url}; this channel cannot change what is out"
        if state.deleted is not None and not is_named:
            return "deleted", "taken away; name the draft to publish it again"
        if waits := self._why_it_waits(draft, from_, is_named=is_named) or note:
            return "waits", waits
        rules = self._rules[made.channel]
        if due and failed is not None:
            now = self._clock.now_ns()
            why = why_not_yet(
                failed, draft_sha256=draft.sha256, settings_sha256=rules.settings_sha256, now_ns=now
            )  # fmt: skip
            if why:
                return "failed", why
        if published is not None:
            return "update", "edited since it went out"
        return self._first_time(draft, state, made, is_named=is_named)

    def _unsettled(self, key: str, state: PostState, *, due: bool) -> tuple[str, str] | None:
        """Decide about a post of which nobody knows whether it is there; None: it is known."""
        if state.withdrawn is not None:
            return "delete", "it is to be taken away, and may still be there"
        if state.planned is None and self._store.all_of(key):
            return "confirm", "the outbox knows of it and the ledger does not: an older ledger was put back"
        if state.planned is None or not state.is_open:
            return None
        if due and (waits := still_waits(state.failed, now_ns=self._clock.now_ns())):
            return "waits", f"unconfirmed: {waits}"
        return "confirm", "planned before, and nobody knows whether it went out"

    def _first_time(self, draft: Draft, state: PostState, made: Variant, *, is_named: bool) -> tuple[str, str]:
        """Decide about a post of which nothing is out under its key."""
        if self._doubles is None:
            self._doubles = Doubles(self._ledger, self._store, self._checker.root, self._channels)
        if why := self._doubles.renamed(draft, made):
            return "taken", why
        if not is_named and state.deleted is None and (why := self._doubles.moved(draft, made.channel)):
            return "refused", why
        return "publish", "new"

    def _is_unchanged(self, draft: Draft, key: str, made: Variant, published: PostPublished) -> bool:
        """Say whether what is out is what the draft says: an author's change counts, a new version of ours does not."""
        if published.content_sha256 == made.content_sha256:
            return True
        if not published.draft_sha256:
            # The first version recorded the hash of the file as that of its content.
            return published.content_sha256 == draft.sha256
        if published.draft_sha256 != draft.sha256:
            return False
        try:
            kept = self._store.find(key, published.content_sha256)
        except Corrupt:
            # What is out is out; our damaged copy of it is no change by the author.
            return True
        return kept is None or {m.name: (m.sha256, m.alt) for m in kept.media} == {
            m.name: (m.sha256, m.alt) for m in made.media
        }

    def _due(self, draft: Draft, state: PostState) -> Due:
        return due(draft, state.scheduled, self._tz)

    def _why_it_waits(self, draft: Draft, from_: Due, *, is_named: bool) -> str:
        if draft.status != "ready":
            return "its status is draft; write status: ready once it may go out"
        now = self._clock.now_ns()
        if from_.embargo_at is not None and from_.embargo_at > now:
            return f"embargo until {self._wall(from_.embargo_at)}"
        if from_.at is not None and from_.at > now and not is_named:
            return f"due {self._wall(from_.at)}"
        return self._clearance.why_not(draft) if self._clearance is not None else ""

    def _needs_slot(self, draft: Draft, state: PostState) -> bool:
        """Say whether this is a first revision that nothing holds back but that nobody gave a time."""
        if draft.status != "ready" or draft.date is not None or state.scheduled is not None:
            return False
        if state.was_ever_called or state.withdrawn is not None or state.deleted is not None:
            return False
        return self._clearance is None or not self._clearance.why_not(draft)

    def _wall(self, at_ns: int) -> str:
        return f"{utc(at_ns).astimezone(self._tz):%Y-%m-%d %H:%M} {self._tz.key}"

    def _names(self, draft: Draft) -> list[str]:
        """Return the channels of a draft, those first whose address others carry."""
        wanted = draft.channels or [
            name for name in self._channels if not self._rules[name].types or draft.type in self._rules[name].types
        ]
        return [name for name in self._order if name in wanted]

    def _address(self, draft: Draft, name: str) -> tuple[str, str]:
        """Return the address that the post on `name` carries, and what it waits for if there is none yet."""
        source = self._rules[name].link
        if not source or source not in self._names(draft):
            return "", ""
        published = self._outbox.state(f"{source}/{draft.slug}").published
        if published is not None:
            return published.url, ""
        return f"https://{source}/{draft.slug}", f"waits for its address: it is not out on {source} yet"

    def _stray(self, draft: Draft) -> str:
        """Say which of the draft's own texts no channel will ever show."""
        stray = [name for name in draft.variants if name not in self._channels]
        return f"`variants: {stray[0]}` is for no channel; declared: {', '.join(self._channels)}" if stray else ""

    def pictures(self, draft: Draft) -> list[Picture]:
        """Return the pictures of a draft, problems included."""
        if "![" not in draft.body:
            return []
        return pictures(self._checker.root, self._checker.settings.folder, draft)

    def why_not(self, draft: Draft, intent: Intent, *, is_named: bool) -> str:
        """Return why a stored post of this very draft may not be sent after all; empty: it may."""
        waits = self._why_it_waits(draft, self._due(draft, self._outbox.state(intent.key)), is_named=is_named)
        if waits:
            return waits
        report = self._checker.check_draft(draft)
        return _gates(report) if report.gates else ""


def _leads(name: str, rules: Mapping[str, ChannelRules]) -> Iterator[str]:
    """Yield the channels whose address a post on `name` carries, directly or not."""
    seen = {name}
    while (name := rules[name].link) and name in rules and name not in seen:
        seen.add(name)
        yield name


def _gates(report: Report) -> str:
    first = next(f for f in report.findings if f.severity == "gate" and f.status == "open")
    word = "gate" if report.gates == 1 else "gates"
    return f"{report.gates} open {word}: line {first.line}, {first.rule}"


def _late_from(state: PostState, from_: Due) -> int | None:
    """Return from when on a post that is not out is late; None: never, for it is out, or nobody said when."""
    if state.published is None and state.deleted is None and from_.at is not None:
        return from_.at
    return state.trying_since
