"""Drafts out, each exactly once: what was decided is carried out, one post at a time on each channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from steersman.content.events.publishing import PostWithdrawn
from steersman.content.guarded import Guarded
from steersman.content.model.draft import Draft
from steersman.content.ports import Channel, Clearance
from steersman.content.publishing import intents
from steersman.content.publishing.deciding import ChannelRules, Decider, Step
from steersman.content.publishing.delivery import Delivery
from steersman.content.publishing.intents import DOES, Intent, Outcome
from steersman.content.publishing.locks import one_at_a_time
from steersman.content.publishing.outbox import Outbox, PostState
from steersman.content.publishing.removals import posts_of
from steersman.content.publishing.stored import PostStore
from steersman.content.publishing.variants import Variant
from steersman.content.qa.checker import DraftChecker
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Conflict, SteersmanError
from steersman.ledger import Ledger

__all__ = ["DOES", "ChannelRules", "Intent", "Outcome", "Publisher"]


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
        self._patience_s = patience_s
        self._checker = checker
        self._clock = clock
        self._channels = channels
        self._rules = {name: (rules or {}).get(name, ChannelRules()) for name in channels}
        self._only = only
        self._outbox = Outbox(ledger, clock, actor=actor)
        self._folder = checker.root / ".steersman" / "outbox"
        self._store = PostStore(self._folder)
        self._decider = Decider(
            checker=checker,
            ledger=ledger,
            clock=clock,
            channels=channels,
            rules=self._rules,
            clearance=clearance,
            tz=tz,
            only=only,
            outbox=self._outbox,
            store=self._store,
            waits_for_slots=waits_for_slots,
        )

    def intents(self, only: Sequence[Path] = (), *, due: bool = False) -> list[Intent]:
        """Return what `publish_all` would do now. Checks are recorded; nothing goes out."""
        return [step.intent for step in self._decider.steps(only, due=due)]

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
        for step in self._decider.steps(only, due=due):
            before_each()
            outcomes.append(self._act(step, is_named=bool(only) and not due, due=due))
        return outcomes

    def variants(self, draft: Draft) -> list[Variant]:
        """Return what each channel of `draft` would be shown now, in the order in which they go out.

        Of a channel that cannot be set up nothing is known: its variant is empty, and its problem says why.

        Raises:
            Misconfigured: no channel is declared.
        """
        return self._decider.variants(draft)

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

    # -- doing ---------------------------------------------------------------------------------------------------

    def _act(self, step: Step, *, is_named: bool, due: bool) -> Outcome:
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

    def _carry_out(self, step: Step, *, is_named: bool, due: bool) -> Outcome:
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
            done = delivery.confirm(intent, lambda: self._decider.why_not(draft, intent, is_named=is_named))
            return done or self._again(draft, intent.channel, is_named=is_named, due=due)
        return delivery.publish(intent, made, draft.slug)

    def _again(self, draft: Draft, channel: str, *, is_named: bool, due: bool) -> Outcome:
        step = self._decider.step(draft, channel, self._decider.pictures(draft), [], is_named=is_named, due=due)
        if step.draft is None or step.variant is None:
            return intents.outcome(step.intent, step.intent.action, step.intent.reason)
        return self._carry_out(step, is_named=is_named, due=due)

    def _delivery(self, channel: str) -> Delivery:
        return Delivery(
            channel=Guarded(self._channels[channel], channel),
            outbox=self._outbox,
            store=self._store,
            clock=self._clock,
            settings_sha256=self._rules[channel].settings_sha256,
        )


def _why(exc: SteersmanError | OSError) -> str:
    if isinstance(exc, OSError):
        return f".steersman/outbox cannot be used: {exc.strerror or exc}; check the disk and its permissions"
    return f"{exc.message}; {exc.fix}" if exc.fix else exc.message


def _url(state: PostState) -> str:
    return state.published.url if state.published is not None else ""
