"""Drafts out, each exactly once: plan, call, confirm; what is in doubt is looked up before anything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from steersman.content.drafts import find_drafts, read_draft
from steersman.content.events.publishing import POST_FAILED, POST_UNCONFIRMED, PostPlanned
from steersman.content.model.draft import Draft, DraftUnreadable
from steersman.content.ports import Channel, Post
from steersman.content.publishing.outbox import Outbox, PostState
from steersman.content.qa.checker import DraftChecker, Report
from steersman.kernel.clock import Clock, to_ns, utc
from steersman.kernel.errors import Conflict, Misconfigured, OutcomeUnknown, Rejected, Unavailable
from steersman.ledger import Ledger

DOES: Final = ("publish", "update", "confirm")
"""Actions that change something: a first revision, a further one, and a look whether a plan went through."""


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What would be done with one draft on one channel, and why.

    Attributes:
        action: publish, update, confirm; or nothing is done: unchanged, blocked, refused, waits, taken.
        key: empty if the draft could not be read.
    """

    draft: str
    channel: str
    action: str
    reason: str
    title: str = ""
    key: str = ""
    words: int = 0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an intent. `outcome` is published, updated, failed, unconfirmed, or the action of the intent."""

    draft: str
    channel: str
    outcome: str
    reason: str
    title: str = ""
    key: str = ""
    url: str = ""
    revision: str = ""

    @property
    def is_trouble(self) -> bool:
        """Whether a channel did not do what was asked."""
        return self.outcome in ("failed", "unconfirmed")


class _Step(msgspec.Struct, frozen=True, kw_only=True):
    """An intent with what is needed to carry it out; no draft if nothing will be done."""

    intent: Intent
    draft: Draft | None = None


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
        tz: str = "UTC",
        only: str | None = None,
        actor: str = "person:cli",
    ) -> None:
        """Set up the channels of the workspace; with `only`, nothing is done on the others."""
        self._checker = checker
        self._clock = clock
        self._channels = channels
        self._only = only
        self._tz = ZoneInfo(tz)
        self._outbox = Outbox(ledger, clock, actor=actor)

    def intents(self, only: Sequence[Path] = (), *, due: bool = False) -> list[Intent]:
        """Return what `publish_all` would do now. Checks are recorded; nothing goes out."""
        return [step.intent for step in self._steps(only, due=due)]

    def publish_all(self, only: Sequence[Path] = (), *, due: bool = False) -> list[Outcome]:
        """Publish every ready draft, or `only` those; one that fails does not stop the others.

        Args:
            due: keep to drafts whose date has come; without it, a draft named in `only` may go out before its date.

        Raises:
            Misconfigured: no channel is declared, or one of `only` is no draft.
        """
        return [self._act(step) for step in self._steps(only, due=due)]

    def _steps(self, only: Sequence[Path], *, due: bool) -> list[_Step]:
        if not self._channels:
            raise Misconfigured("no channel to publish on", fix='add [channel.site] with kind = "site"')
        settings, root = self._checker.settings, self._checker.root
        steps: list[_Step] = []
        for name in find_drafts(root, settings, only):
            try:
                draft = read_draft(root, name, settings)
            except DraftUnreadable as refusal:
                report = self._checker.refuse(refusal)
                place = f"line {report.line}: " if report.line else ""
                why = f"{place}{report.reason}"
                steps.append(_Step(intent=Intent(draft=name, channel="-", action="refused", reason=why)))
            else:
                steps += self._of_draft(draft, is_named=bool(only) and not due)
        return steps

    def _of_draft(self, draft: Draft, *, is_named: bool) -> list[_Step]:
        unknown = [name for name in draft.channels if name not in self._channels]
        if unknown:
            why = f"channel {unknown[0]!r} is not declared; declared: {', '.join(self._channels)}"
            return [_Step(intent=_intent(draft, unknown[0], "refused", why))]
        names = draft.channels or tuple(self._channels)
        states = {name: self._outbox.state(_key(name, draft)) for name in names if self._only in (None, name)}
        waits = self._why_it_waits(draft, is_named=is_named)
        actions = {name: self._action(draft, state, waits) for name, state in states.items()}
        if any(action in ("publish", "update") for action, _ in actions.values()):
            report = self._checker.check_draft(draft)
            if report.gates:
                why = f"{report.gates} open {'gate' if report.gates == 1 else 'gates'}: {_first_gate(report)}"
                # A plan that may be out is still looked up: a gate stops new text, not the truth about the old one.
                actions = {n: a if a[0] in ("confirm", "unchanged") else ("blocked", why) for n, a in actions.items()}
        return [
            _Step(intent=_intent(draft, name, action, why), draft=draft if action in DOES else None)
            for name, (action, why) in actions.items()
        ]

    def _why_it_waits(self, draft: Draft, *, is_named: bool) -> str:
        if draft.status != "ready":
            return "its status is draft; write status: ready once it may go out"
        due_at = due_ns(draft, self._tz)
        if due_at is not None and due_at > self._clock.now_ns() and not is_named:
            return f"due {utc(due_at).astimezone(self._tz):%Y-%m-%d %H:%M} {self._tz.key}"
        return ""

    def _action(self, draft: Draft, state: PostState, waits: str) -> tuple[str, str]:
        plan = state.planned
        if plan is not None and plan.draft != draft.name and (self._checker.root / plan.draft).is_file():
            return "taken", f"its address belongs to {plan.draft}; give one of them another slug"
        if plan is not None and state.is_open:
            return "confirm", "planned before, and nobody knows whether it went out"
        if state.published is not None and state.published.content_sha256 == draft.sha256:
            return "unchanged", f"out as {state.published.url}"
        if waits:
            return "waits", waits
        return ("update", "edited since it went out") if state.published is not None else ("publish", "new")

    def _act(self, step: _Step) -> Outcome:
        if step.draft is None:
            return _outcome(step.intent, step.intent.action, step.intent.reason)
        try:
            return self._publish(step.intent, step.draft)
        except Conflict:
            return _outcome(step.intent, "taken", "another process is publishing it")

    def _publish(self, intent: Intent, draft: Draft) -> Outcome:
        """Carry one intent out. A crash after any line leaves a plan that the next call looks up first."""
        channel = self._channels[intent.channel]
        state = self._outbox.state(intent.key)
        if state.is_open and state.planned is not None:
            try:
                shown = channel.lookup(_post(state, state.planned, draft))
            except Unavailable as exc:
                return _outcome(intent, "unconfirmed", f"cannot be looked up: {exc.message}")
            if shown is not None and shown.content_sha256 == state.planned.content_sha256:
                self._outbox.confirm(state, state.planned, shown)
                return _outcome(intent, "published", "it had gone out", url=shown.url, revision=shown.revision)
            if state.planned.content_sha256 != draft.sha256:
                # The plan never went through and its text is gone: what is to go out now is judged on its own.
                self._outbox.end(state, state.planned, POST_FAILED, "edited before it went out")
                return self._publish_anew(draft, intent.channel)
            return self._send(intent, draft)
        self._outbox.plan(
            state, key=intent.key, channel=intent.channel, draft=draft.name, sha256=draft.sha256, title=draft.title
        )
        return self._send(intent, draft)

    def _publish_anew(self, draft: Draft, channel: str) -> Outcome:
        (step,) = (s for s in self._of_draft(draft, is_named=False) if s.intent.channel == channel)
        return self._act(step)

    def _send(self, intent: Intent, draft: Draft) -> Outcome:
        state = self._outbox.state(intent.key)
        plan = state.planned
        if plan is None or state.first_planned_at is None:  # pragma: no cover - the caller has just planned it
            raise AssertionError(f"{intent.key} was not planned")
        post = _post(state, plan, draft)
        try:
            shown = self._channels[intent.channel].publish(post)
        except OutcomeUnknown as exc:
            self._outbox.end(state, plan, POST_UNCONFIRMED, exc.message)
            return _outcome(intent, "unconfirmed", exc.message)
        except (Rejected, Unavailable, Misconfigured) as exc:
            self._outbox.end(state, plan, POST_FAILED, exc.message)
            return _outcome(intent, "failed", f"{exc.message}; {exc.fix}" if exc.fix else exc.message)
        self._outbox.confirm(state, plan, shown)
        word = "published" if state.published is None else "updated"
        return _outcome(intent, word, "", url=shown.url, revision=shown.revision)


def due_ns(draft: Draft, tz: ZoneInfo) -> int | None:
    """Return the instant from which `draft` may go out, ns since 1970 UTC; a bare day begins at midnight in `tz`."""
    when = draft.date
    if when is None:
        return None
    if isinstance(when, datetime):
        return to_ns(when if when.tzinfo is not None else when.replace(tzinfo=tz))
    return to_ns(datetime.combine(when, time(), tz))


def _post(state: PostState, plan: PostPlanned, draft: Draft) -> Post:
    return Post(
        key=plan.key,
        slug=draft.slug,
        title=draft.title,
        summary=draft.summary,
        tags=draft.tags,
        body=draft.body,
        content_sha256=plan.content_sha256,
        published_at=state.first_planned_at or plan.at,
        updated_at=plan.at,
    )


def _key(channel: str, draft: Draft) -> str:
    return f"{channel}/{draft.slug}"


def _intent(draft: Draft, channel: str, action: str, reason: str) -> Intent:
    return Intent(
        draft=draft.name,
        channel=channel,
        action=action,
        reason=reason,
        title=draft.title,
        key=_key(channel, draft),
        words=draft.words,
    )


def _outcome(intent: Intent, outcome: str, reason: str, *, url: str = "", revision: str = "") -> Outcome:
    return Outcome(
        draft=intent.draft,
        channel=intent.channel,
        outcome=outcome,
        reason=reason,
        title=intent.title,
        key=intent.key,
        url=url,
        revision=revision,
    )


def _first_gate(report: Report) -> str:
    first = next(f for f in report.findings if f.severity == "gate" and f.status == "open")
    return f"line {first.line}, {first.rule}"
