"""Drafts out, each exactly once: what each draft is due for on each channel, decided, then carried out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from steersman.content.drafts import find_drafts, read_draft
from steersman.content.events.publishing import POST_UNCONFIRMED, POST_WITHDRAWN, PostPublished, PostWithdrawn
from steersman.content.guarded import Guarded
from steersman.content.images import Picture, pictures
from steersman.content.model.draft import Draft, DraftUnreadable
from steersman.content.ports import Channel, Clearance
from steersman.content.publishing import intents
from steersman.content.publishing.delivery import Delivery
from steersman.content.publishing.doubles import Doubles
from steersman.content.publishing.due import Due, due
from steersman.content.publishing.intents import DOES, Intent, Outcome
from steersman.content.publishing.locks import one_at_a_time
from steersman.content.publishing.outbox import Outbox, PostState
from steersman.content.publishing.removals import posts_of
from steersman.content.publishing.retry import still_waits, why_not_yet
from steersman.content.publishing.stored import PostStore
from steersman.content.publishing.variants import Variant, variant
from steersman.content.qa.checker import DraftChecker, Report
from steersman.kernel.clock import Clock, utc
from steersman.kernel.errors import Conflict, Corrupt, Misconfigured, SteersmanError
from steersman.ledger import Ledger

__all__ = ["DOES", "ChannelRules", "Intent", "Outcome", "Publisher"]


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


class _Step(msgspec.Struct, frozen=True, kw_only=True):
    """An intent with what is needed to carry it out."""

    intent: Intent
    version: int
    draft: Draft | None = None
    variant: Variant | None = None


class Publisher:
    """Publishes the drafts of one workspace on its channels.

    An edited draft that is out already goes out again under the same key: the channel shows the new text at the same
    address, as one more revision in the same stream. There is never a second post.
    """

    def __init__(
        self,
        *,
        checker: DraftChecker,
        ledger: Ledger,
        clock: Clock,
        channels: Mapping[str, Channel],
        rules: Mapping[str, ChannelRules] | None = None,
        clearance: Clearance | None = None,
        tz: str = "UTC",
        only: str | None = None,
        actor: str = "person:cli",
        patience_s: float = 30.0,
        waits_for_slots: bool = False,
    ) -> None:
        """Set up the channels of the workspace; with `only`, nothing is done on the others.

        Args:
            patience_s: how long to wait while another process is at work on a channel.
            waits_for_slots: a draft without a date goes out only once it has a slot, or when somebody names it.
        """
        self._waits_for_slots = waits_for_slots
        self._patience_s = patience_s
        self._checker = checker
        self._clock = clock
        self._channels = channels
        self._rules = {name: (rules or {}).get(name, ChannelRules()) for name in channels}
        self._clearance = clearance
        self._only = only
        self._tz = ZoneInfo(tz)
        self._outbox = Outbox(ledger, clock, actor=actor)
        self._ledger = ledger
        self._doubles: Doubles | None = None
        self._folder = checker.root / ".steersman" / "outbox"
        self._store = PostStore(self._folder)
        # A post that carries an address goes after the one it leads to.
        self._order = sorted(channels, key=lambda name: len(list(_leads(name, self._rules))))

    def intents(self, only: Sequence[Path] = (), *, due: bool = False) -> list[Intent]:
        """Return what `publish_all` would do now. Checks are recorded; nothing goes out."""
        return [step.intent for step in self._steps(only, due=due)]

    def publish_all(
        self, only: Sequence[Path] = (), *, due: bool = False, before_each: Callable[[], None] = lambda: None
    ) -> list[Outcome]:
        """Publish every ready draft, or `only` those; one that fails does not stop the others.

        Args:
            due: keep to drafts whose date has come and to what may be tried again by itself; without it, a draft named
                in `only` may go out before its date (never before its embargo), and again after it was taken away.
            before_each: called before anything is done with a draft on a channel.

        Raises:
            Misconfigured: no channel is declared, or one of `only` is no draft.
        """
        outcomes = []
        for step in self._steps(only, due=due):
            before_each()
            outcomes.append(self._act(step, is_named=bool(only) and not due, due=due))
        return outcomes

    def variants(self, draft: Draft) -> list[Variant]:
        """Return what each channel of `draft` would be shown now, in the order in which they go out.

        Of a channel that cannot be set up nothing is known: its variant is empty, and its problem says why.

        Raises:
            Misconfigured: no channel is declared.
        """
        self._need_channel()
        found = []
        shown = self._pictures(draft)
        for name in self._names(draft):
            link, note = self._address(draft, name)
            made = variant(draft, name, self._channels[name].limits, link=link, pictures=shown)
            problem = self._rules[name].problem
            # What a channel shows depends on limits that only the channel itself knows.
            found.append(
                made.unknown(problem)
                if problem
                else msgspec.structs.replace(made, notes=(*made.notes, *([note] if note else [])))
            )
        return found

    # -- taking away ---------------------------------------------------------------------------------------------

    def removals(self, only: Sequence[Path]) -> list[Intent]:
        """Return which posts of the drafts `only` are, or may be, out and would be taken away.

        Raises:
            Misconfigured: one of `only` is no draft, and never was one that went out.
        """
        found = posts_of(
            only,
            root=self._checker.root,
            settings=self._checker.settings,
            channels=[n for n in self._channels if self._only in (None, n) and not self._rules[n].problem],
            outbox=self._outbox,
            store=self._store,
        )
        return [
            Intent(
                draft=plan.draft,
                channel=key.partition("/")[0],
                action="delete",
                reason=f"out as {_url(state)}" if state.published else "may be out",
                title=plan.title,
                key=key,
            )
            for key, state in found.items()
            if (plan := state.planned) is not None
        ]

    def remove(self, only: Sequence[Path], *, reason: str) -> list[Outcome]:
        """Take the posts of the drafts `only` away; they do not go out again unless somebody names them."""
        return [self._remove(intent, reason) for intent in self.removals(only)]

    def _remove(self, intent: Intent, reason: str) -> Outcome:
        return self._locked(intent, lambda: self._withdraw_and_delete(intent, reason))

    def _withdraw_and_delete(self, intent: Intent, reason: str) -> Outcome:
        state = self._outbox.state(intent.key)
        delivery = self._delivery(intent.channel)
        if state.withdrawn is None:
            withdrawn = PostWithdrawn(
                key=intent.key, channel=intent.channel, draft=intent.draft, reason=reason, at=self._clock.now_ns()
            )
            delivery.withdraw(state, withdrawn)
        return delivery.delete(intent)

    # -- deciding ------------------------------------------------------------------------------------------------

    def _steps(self, only: Sequence[Path], *, due: bool) -> Iterator[_Step]:
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
                yield _Step(intent=Intent(draft=name, channel="-", action="refused", reason=why), version=0)
            else:
                yield from self._of_draft(draft, is_named=bool(only) and not due, due=due)
        if not only:
            yield from self._orphans(keys)

    def _need_channel(self) -> None:
        if not self._channels:
            fix = 'write [channel.site] with kind = "site" and a base_url into steersman.toml'
            raise Misconfigured("no channel to publish on", fix=fix)

    def _orphans(self, known: Set[str]) -> Iterator[_Step]:
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
            yield _Step(intent=intent, version=state.version)

    def _of_draft(self, draft: Draft, *, is_named: bool, due: bool) -> Iterator[_Step]:
        unknown = [name for name in draft.channels if name not in self._channels]
        if unknown:
            why = f"channel {unknown[0]!r} is not declared; declared: {', '.join(self._channels)}"
            yield _Step(intent=intents.intent(draft, unknown[0], "refused", why), version=0)
            return
        report: list[Report] = []
        shown = self._pictures(draft)
        for name in self._names(draft):
            if self._only in (None, name):
                yield self._step(draft, name, shown, report, is_named=is_named, due=due)

    def _step(
        self, draft: Draft, name: str, shown: Sequence[Picture], report: list[Report], *, is_named: bool, due: bool
    ) -> _Step:
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
        return _Step(
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

    def _pictures(self, draft: Draft) -> list[Picture]:
        if "![" not in draft.body:
            return []
        return pictures(self._checker.root, self._checker.settings.folder, draft)

    # -- doing ---------------------------------------------------------------------------------------------------

    def _act(self, step: _Step, *, is_named: bool, due: bool) -> Outcome:
        if step.intent.action not in DOES:
            return intents.outcome(step.intent, step.intent.action, step.intent.reason)
        if step.draft is None:
            return self._locked(step.intent, lambda: self._settle(step.intent))
        return self._locked(step.intent, lambda: self._carry_out(step, is_named=is_named, due=due))

    def _settle(self, intent: Intent) -> Outcome:
        """Settle a post whose draft is gone."""
        delivery = self._delivery(intent.channel)
        if intent.action == "delete":
            return delivery.delete(intent)
        done = delivery.confirm(intent, lambda: intent.reason)
        return done or intents.outcome(intent, "failed", "its draft is gone; it is not out")

    def _locked(self, intent: Intent, act: Callable[[], Outcome]) -> Outcome:
        try:
            with one_at_a_time(self._folder / f"{intent.channel}.lock", patience_s=self._patience_s):
                return act()
        except Conflict:
            return intents.outcome(intent, "taken", "another process is publishing it")
        except (SteersmanError, OSError) as exc:
            # The disk is full, a stored post is damaged, the ledger takes nothing: the others are tried all the same.
            word = "unconfirmed" if self._outbox.state(intent.key).may_be_out else "failed"
            return intents.outcome(intent, word, _why(exc))

    def _carry_out(self, step: _Step, *, is_named: bool, due: bool) -> Outcome:
        intent, draft, made = step.intent, step.draft, step.variant
        if draft is None or made is None:  # pragma: no cover - asked before
            raise AssertionError("nothing to carry out")
        if self._outbox.state(intent.key).version != step.version:
            # Another process had the lock before: what it did decides what there is left to do.
            return self._again(draft, intent.channel, is_named=is_named, due=due)
        delivery = self._delivery(intent.channel)
        if intent.action == "delete":
            return delivery.delete(intent)
        if intent.action == "confirm":
            if (unsure := delivery.adopt(intent, made)) is not None:
                return unsure
            done = delivery.confirm(intent, lambda: self._why_not(draft, intent, is_named=is_named))
            return done or self._again(draft, intent.channel, is_named=is_named, due=due)
        return delivery.publish(intent, made, draft.slug)

    def _again(self, draft: Draft, channel: str, *, is_named: bool, due: bool) -> Outcome:
        step = self._step(draft, channel, self._pictures(draft), [], is_named=is_named, due=due)
        if step.draft is None or step.variant is None:
            return intents.outcome(step.intent, step.intent.action, step.intent.reason)
        return self._carry_out(step, is_named=is_named, due=due)

    def _why_not(self, draft: Draft, intent: Intent, *, is_named: bool) -> str:
        """Return why a stored post of this very draft may not be sent after all; empty: it may."""
        waits = self._why_it_waits(draft, self._due(draft, self._outbox.state(intent.key)), is_named=is_named)
        if waits:
            return waits
        report = self._checker.check_draft(draft)
        return _gates(report) if report.gates else ""

    def _delivery(self, channel: str) -> Delivery:
        return Delivery(
            channel=Guarded(self._channels[channel], channel),
            outbox=self._outbox,
            store=self._store,
            clock=self._clock,
            settings_sha256=self._rules[channel].settings_sha256,
        )


def _leads(name: str, rules: Mapping[str, ChannelRules]) -> Iterator[str]:
    """Yield the channels whose address a post on `name` carries, directly or not."""
    seen = {name}
    while (name := rules[name].link) and name in rules and name not in seen:
        seen.add(name)
        yield name


def _why(exc: SteersmanError | OSError) -> str:
    if isinstance(exc, OSError):
        return f".steersman/outbox cannot be used: {exc.strerror or exc}; check the disk and its permissions"
    return f"{exc.message}; {exc.fix}" if exc.fix else exc.message


def _gates(report: Report) -> str:
    first = next(f for f in report.findings if f.severity == "gate" and f.status == "open")
    word = "gate" if report.gates == 1 else "gates"
    return f"{report.gates} open {word}: line {first.line}, {first.rule}"


def _late_from(state: PostState, from_: Due) -> int | None:
    """Return from when on a post that is not out is late; None: never, for it is out, or nobody said when."""
    if state.published is None and state.deleted is None and from_.at is not None:
        return from_.at
    return state.trying_since


def _url(state: PostState) -> str:
    return state.published.url if state.published is not None else ""
