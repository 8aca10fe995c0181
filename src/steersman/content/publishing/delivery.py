"""One post on its way to one channel: stored, planned, sent, confirmed. What is in doubt is looked up first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from steersman.content.events.publishing import PostDeleted, PostEnded, PostPlanned, PostPublished, PostWithdrawn
from steersman.content.ports import Channel, Post, Publication
from steersman.content.publishing import intents
from steersman.content.publishing.intents import Intent, Outcome
from steersman.content.publishing.outbox import Outbox, PostState
from steersman.content.publishing.retry import pause_s
from steersman.content.publishing.stored import PostStore
from steersman.content.publishing.variants import Variant
from steersman.kernel.clock import Clock
from steersman.kernel.errors import (
    Conflict,
    Corrupt,
    Misconfigured,
    OutcomeUnknown,
    Rejected,
    SteersmanError,
    Unavailable,
)

_OTHER: Final = "0" * 64
"""Stands for the draft of a stored post that is not the draft of now."""
MayGo = Callable[[], str]
"""Why the draft, as it is now, may not go out; empty: it may."""


class Delivery:
    """Carries intents out on one channel. A crash after any line leaves a plan that the next call looks up first."""

    def __init__(
        self, *, channel: Channel, outbox: Outbox, store: PostStore, clock: Clock, settings_sha256: str = ""
    ) -> None:
        self._channel = channel
        self._outbox = outbox
        self._store = store
        self._clock = clock
        self._settings_sha256 = settings_sha256

    def publish(self, intent: Intent, variant: Variant, slug: str) -> Outcome:
        """Store, plan and send a new revision; nothing may be open.

        Raises:
            Conflict: another process said something about this post meanwhile.
            Unavailable: the post cannot be stored; nothing was planned.
        """
        state = self._outbox.state(intent.key)
        if state.is_open or state.withdrawn is not None:
            raise Conflict(f"{intent.key} is on its way already", fix="publish again: it is looked up first")
        now = self._clock.now_ns()
        first = now if state.first_planned_at is None else state.first_planned_at
        post = variant.post(
            key=intent.key,
            slug=slug,
            remote_key=state.remote_key or self._channel.remote_key(intent.key, first),
            published_at=first,
            updated_at=now,
            remote_id=state.published.remote_id if state.published is not None else "",
        )
        self._store.keep(post)
        plan = PostPlanned(
            key=intent.key,
            channel=intent.channel,
            draft=intent.draft,
            content_sha256=post.content_sha256,
            title=post.title,
            at=now,
            draft_sha256=intent.draft_sha256,
            remote_key=post.remote_key,
        )
        self._outbox.plan(state, plan)
        return self._send(intent, plan)

    def confirm(self, intent: Intent, why_not: MayGo) -> Outcome | None:
        """Settle an open plan: find it on the channel, or send what was stored; None: it was given up, decide anew.

        What was edited since it was planned, and is certainly not out, is given up: it is judged on its own.

        Raises:
            Conflict: as `publish`.
        """
        state = self._outbox.state(intent.key)
        plan = state.planned
        if plan is None or not state.is_open:
            return None
        post = self._store.find(plan.key, plan.content_sha256)
        if state.may_be_out:
            try:
                shown = self._channel.lookup(post or _bare(state, plan))
            except (Unavailable, Misconfigured, Corrupt) as exc:
                return intents.outcome(intent, "unconfirmed", f"cannot be looked up: {exc.message}; {exc.fix}")
            if shown is not None and shown.content_sha256 == plan.content_sha256:
                return self._found(intent, state, plan, shown)
            waits_s = self._settles_in(state)
            if waits_s > 0:
                retry_at = self._clock.now_ns() + int(waits_s * 1e9)
                reason = f"not there yet; what was sent may still arrive: asked again in {waits_s:.0f} s"
                return intents.outcome(intent, "unconfirmed", reason, retry_at=retry_at)
        if post is None or intent.draft_sha256 != plan.draft_sha256:
            why = "its text was not kept" if post is None else "edited before it went out"
            return self._give_up(intent, state, plan, why if intent.draft_sha256 else intent.reason)
        if reason := why_not():
            return self._give_up(intent, state, plan, reason)
        return self._send(intent, plan)

    def adopt(self, intent: Intent, variant: Variant) -> Outcome | None:
        """Tell a ledger that knows nothing of a post what the outbox kept of it; None: done, it is open now.

        What the channel shows is adopted, else what was kept last: it may be on its way. Without the first plan's
        instant, a channel whose keys follow from it would be given the post a second time.

        Raises:
            Conflict: as `publish`.
        """
        state = self._outbox.state(intent.key)
        if state.planned is not None:
            return None
        kept = [post for sha in self._store.all_of(intent.key) if (post := self._store.find(intent.key, sha))]
        if not kept:
            return None
        try:
            shown = next((post for post in kept if self._channel.lookup(post) is not None), None)
        except (Unavailable, Misconfigured, Corrupt) as exc:
            return intents.outcome(intent, "unconfirmed", f"cannot be looked up: {exc.message}; {exc.fix}")
        post = shown or kept[0]
        plan = PostPlanned(
            key=intent.key,
            channel=intent.channel,
            draft=intent.draft,
            content_sha256=post.content_sha256,
            title=post.title,
            at=post.published_at,
            draft_sha256=intent.draft_sha256 if post.content_sha256 == variant.content_sha256 else _OTHER,
            remote_key=post.remote_key,
        )
        self._outbox.plan(state, plan)
        self._outbox.send(self._outbox.state(intent.key), plan)
        return None

    def withdraw(self, state: PostState, withdrawn: PostWithdrawn) -> None:
        """Make the decision durable that the post is to be taken away.

        Raises:
            Conflict: as `publish`.
        """
        self._outbox.withdraw(state, withdrawn)

    def delete(self, intent: Intent) -> Outcome:
        """Take away what was withdrawn. Nothing there is success.

        Raises:
            Conflict: as `publish`.
        """
        state = self._outbox.state(intent.key)
        withdrawn = state.withdrawn
        if withdrawn is None:
            raise Conflict(f"{intent.key} is not to be taken away any more", fix="look at it again")
        try:
            self._channel.delete(self._last_post(state))
        except (Unavailable, Corrupt) as exc:
            return intents.outcome(intent, "failed", f"may still be there: {exc.message}; {exc.fix}")
        except (Rejected, Misconfigured) as exc:
            return intents.outcome(intent, "failed", f"still there: {exc.message}; {exc.fix}")
        deleted = PostDeleted(
            key=intent.key,
            channel=intent.channel,
            draft=intent.draft,
            reason=withdrawn.reason,
            at=self._clock.now_ns(),
        )
        self._outbox.delete(state, deleted)
        self._store.forget(intent.key)
        return intents.outcome(intent, "deleted", "")

    # -- steps ---------------------------------------------------------------------------------------------------

    def _send(self, intent: Intent, plan: PostPlanned) -> Outcome:
        self._outbox.send(self._outbox.state(plan.key), plan)
        state = self._outbox.state(plan.key)
        post = self._store.find(plan.key, plan.content_sha256)
        if post is None:  # pragma: no cover - it was stored before it was planned, and nobody clears a plan away
            raise Corrupt(f"the stored post {plan.key} is gone", fix="publish again")
        try:
            shown = self._channel.publish(post)
        except (OutcomeUnknown, Corrupt) as exc:
            return self._ended(intent, state, "unknown", exc)
        except Unavailable as exc:
            return self._ended(intent, state, "unavailable", exc)
        except Rejected as exc:
            return self._ended(intent, state, "rejected", exc)
        except Misconfigured as exc:
            return self._ended(intent, state, "misconfigured", exc)
        word = "published" if state.published is None else "updated"
        self._outbox.confirm(state, plan, shown)
        self._clear(plan)
        return intents.outcome(intent, word, "", url=shown.url, revision=shown.revision)

    def _found(self, intent: Intent, state: PostState, plan: PostPlanned, shown: Publication) -> Outcome:
        self._outbox.confirm(state, plan, shown)
        self._clear(plan)
        return intents.outcome(intent, "published", "it had gone out", url=shown.url, revision=shown.revision)

    def _ended(self, intent: Intent, state: PostState, cause: str, exc: SteersmanError) -> Outcome:
        now, before = self._clock.now_ns(), state.failed
        attempt = before.attempt + 1 if before is not None and before.draft_sha256 == intent.draft_sha256 else 1
        retry_at = None
        if isinstance(exc, Unavailable):
            retry_at = now + int(pause_s(attempt, seed=intent.key, retry_after_s=exc.retry_after_s) * 1e9)
        ended = PostEnded(
            key=intent.key,
            channel=intent.channel,
            draft=intent.draft,
            reason=exc.message,
            at=now,
            cause=cause,
            attempt=attempt,
            retry_at=retry_at,
            draft_sha256=intent.draft_sha256,
            settings_sha256=self._settings_sha256,
        )
        self._outbox.end(state, ended)
        word = "unconfirmed" if cause == "unknown" else "failed"
        reason = f"{exc.message}; {exc.fix}" if exc.fix else exc.message
        return intents.outcome(intent, word, reason, retry_at=retry_at)

    def _give_up(self, intent: Intent, state: PostState, plan: PostPlanned, reason: str) -> Outcome | None:
        """End a plan that did not go out, and clear away what a call that was cut off left half-done there."""
        if state.may_be_out and state.published is None and self._channel.limits.can_delete:
            try:
                self._channel.delete(self._last_post(state))
            except SteersmanError as exc:
                return intents.outcome(intent, "unconfirmed", f"cannot be cleared away: {exc.message}; {exc.fix}")
        ended = PostEnded(
            key=plan.key,
            channel=plan.channel,
            draft=plan.draft,
            reason=reason,
            at=self._clock.now_ns(),
            cause="dropped",
            draft_sha256=plan.draft_sha256,
            settings_sha256=self._settings_sha256,
        )
        self._outbox.end(state, ended)
        return None

    def _settles_in(self, state: PostState) -> float:
        """Return how long a look-up that finds nothing still proves nothing, in seconds."""
        settle_s = self._channel.limits.settle_s
        passed_s = (self._clock.now_ns() - (state.sent_at or 0)) / 1e9
        # A clock that went back would make it wait for as long as it went back.
        return settle_s - passed_s if 0 <= passed_s < settle_s else 0.0

    def _last_post(self, state: PostState) -> Post:
        named: PostPlanned | PostPublished | None = state.planned if state.may_be_out else state.published
        named = named or state.planned
        if named is None:
            raise Conflict("nothing was ever planned under this key", fix="look at it again")
        post = self._store.find(named.key, named.content_sha256) or _bare(state, named)
        remote_id = state.published.remote_id if state.published is not None else post.remote_id
        return msgspec.structs.replace(post, remote_id=remote_id)

    def _clear(self, plan: PostPlanned) -> None:
        try:
            self._store.keep_only(plan.key, frozenset({plan.content_sha256}))
        except (OSError, Corrupt):
            # What is out is out and on record: a file too many in our own folder is nobody's trouble.
            return


def _bare(state: PostState, named: PostPlanned | PostPublished) -> Post:
    """Return what is known of a post whose text was not kept: enough to look it up, and to take it away."""
    return Post(
        key=named.key,
        slug=named.key.partition("/")[2],
        title=named.title,
        summary="",
        tags=(),
        body="",
        content_sha256=named.content_sha256,
        published_at=state.first_planned_at or named.at,
        updated_at=named.at,
        remote_key=state.remote_key,
        remote_id=state.published.remote_id if state.published is not None else "",
    )
