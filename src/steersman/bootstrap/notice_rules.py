"""What a person is told unless the settings say otherwise: what wants somebody, and what is broken.

The one place that knows both the events of every part and the words they are told in. A part that renames an event
breaks this import, not somebody's night.
"""

from __future__ import annotations

from typing import Final

from steersman.automation import events as automation
from steersman.bootstrap import events as kernel
from steersman.content.events import publishing as content
from steersman.ledger.patterns import EventPattern, Scalar
from steersman.policy import approvals
from steersman.policy import events as policy
from steersman.services import events as services
from steersman.services.notices.rules import Repeated, Rule
from steersman.trading.events import desk, orders, venues

CORE_AWAY: Final = "core_away"
"""The one rule that no event raises: without the core there are none."""
STORAGE_FAILED: Final = "storage_failed"
_OFTEN: Final = Repeated(times=4, within_s=600.0)


def _on(*types: str, **where: Scalar | tuple[Scalar, ...]) -> tuple[EventPattern, ...]:
    return tuple(EventPattern(event=type_, where=dict(where)) for type_ in types)


_AUTOMATION: Final = (
    Rule(
        name="run_failed",
        about="a run failed for good, after its last attempt",
        on=_on(automation.RUN_FINISHED, status=("failed", "timed_out", "orphaned"), will_retry=False),
        severity="warn",
        subject="{automation}",
        first="{automation} {status}: {error}",
        why="run {run_id}, attempt {attempt}",
        do="steersman auto logs {run_id}",
        page="runs/{run_id}",
        ends=_on(automation.RUN_FINISHED, status="succeeded"),
        over="{automation} succeeds again",
    ),
    Rule(
        name="run_overdue",
        about="a start has not succeeded within its deadline, whether or not it ever began",
        on=_on(automation.RUN_OVERDUE),
        severity="warn",
        subject="{automation}",
        first="{automation} is overdue: should have succeeded by {deadline_at}",
        why="{reason}",
        do="steersman auto next",
        page="automations/{automation}",
        ends=_on(automation.RUN_RECOVERED),
        over="{automation} is not overdue any more: {reason}",
        hushed_by=("run_failed/{automation}", "engine_unavailable/engine"),
    ),
    Rule(
        name="engine_unavailable",
        about="no automation is started: the engine cannot be had",
        on=_on(automation.ENGINE_UNAVAILABLE),
        severity="critical",
        subject="engine",
        first="no automation is started: the engine {engine} cannot be had",
        why="{problem}",
        do="steersman auto engine status",
        page="automations",
        ends=_on(automation.ENGINE_READY),
        over="automations are started again: the engine {engine} is there",
    ),
)
_TRADING: Final = (
    Rule(
        name="halt_set",
        about="trading was halted, by a limit or by somebody",
        on=_on(policy.HALT_SET),
        severity="critical",
        subject="{scope}",
        first="halted: {scope}",
        why="{reason}",
        do="steersman resume {scope}, once it is safe",
        page="halts",
        ends=_on(policy.HALT_LIFTED),
        over="{scope} is not halted any more",
    ),
    Rule(
        name="order_unknown",
        about="nobody knows whether a venue has an order",
        on=_on(orders.ORDER_UNKNOWN),
        severity="critical",
        subject="{order_id}",
        first="order {order_id}: nobody knows whether the venue has it",
        why="{reason}",
        do="steersman reconcile",
        page="orders/{order_id}",
        ends=_on(
            orders.ORDER_ACKNOWLEDGED,
            orders.ORDER_FILLED,
            orders.ORDER_REJECTED,
            orders.ORDER_CANCELLED,
            orders.ORDER_EXPIRED,
        ),
        over="order {order_id} is known again",
    ),
    Rule(
        name="order_foreign",
        about="a venue holds an order that is not ours",
        on=_on(orders.ORDER_FOREIGN),
        severity="warn",
        subject="{venue}/{venue_order_id}",
        first="{venue} holds an order that is not ours: {side} {quantity} {instrument}",
        why="its number there is {venue_order_id}",
        do="steersman reconcile",
        page="orders",
    ),
    Rule(
        name="venue_failed",
        about="a venue does not answer, or answers what cannot be",
        on=_on(venues.VENUE_FAILED),
        severity="warn",
        subject="{venue}",
        first="the venue {venue} is in trouble while {doing}",
        why="{problem}",
        do="steersman venue list",
        page="venues",
    ),
    Rule(
        name="strategy_disabled",
        about="a strategy gets no more prices until a person enables it",
        on=_on(desk.STRATEGY_DISABLED),
        severity="warn",
        subject="{strategy}",
        first="the strategy {strategy} is disabled",
        why="{reason}",
        do="steersman status",
        page="signals",
    ),
)
_PEOPLE: Final = (
    Rule(
        name="approval_waiting",
        about="an order or a run waits for a person",
        on=_on(approvals.HOLD_REQUESTED, kind=("trade", approvals.RUN)),
        severity="warn",
        subject="{approval_id}",
        first="waits for you: {what}",
        why="{why}; until {expires_at}",
        do="steersman inbox approve {approval_id}",
        page="inbox",
        ends=_on(approvals.APPROVAL_GRANTED, approvals.APPROVAL_DENIED, approvals.APPROVAL_EXPIRED),
    ),
    Rule(
        name="review_waiting",
        about="a draft waits for somebody to read it",
        on=_on(approvals.HOLD_REQUESTED, kind=approvals.REVIEW),
        severity="info",
        subject="{approval_id}",
        first="waits to be read: {subject}",
        why="{why}",
        do="steersman inbox list",
        page="inbox",
        ends=_on(approvals.APPROVAL_GRANTED, approvals.APPROVAL_DENIED, approvals.APPROVAL_EXPIRED),
    ),
    Rule(
        name="login_required",
        about="a login is broken until a person logs in again",
        on=_on(services.REAUTH_REQUIRED),
        severity="warn",
        subject="{provider}",
        first="the login {provider} wants you",
        why="the provider answered {error}; what uses it does not start",
        do="steersman auth login {provider}",
        page="shared",
        ends=_on(services.LOGGED_IN, services.LOGGED_OUT, services.TOKEN_REFRESHED, services.TOKEN_RECEIVED),
        over="the login {provider} works again",
    ),
)
_DATA: Final = (
    Rule(
        name="pull_refused",
        about="data came that does not fit its schema; older data stands",
        on=_on(services.DATA_REFUSED),
        severity="warn",
        subject="{pull}",
        first="the data of {pull} does not fit its schema",
        why="{problems}",
        do="steersman pull {pull} --max-age 0s",
        page="shared",
        ends=_on(services.DATA_PULLED),
        over="the data of {pull} fits its schema again",
    ),
    Rule(
        name="pull_failed",
        about="a source gave nothing of use, and nothing older could stand in",
        on=_on(services.PULL_FAILED, served_stale=False),
        severity="info",
        subject="{pull}",
        first="{pull} gave nothing",
        why="{problem}",
        do="steersman pull {pull} --max-age 0s",
        page="shared",
        ends=_on(services.DATA_PULLED),
        over="{pull} gives data again",
    ),
    Rule(
        name="token_failed",
        about="a provider gave no token; it is asked again by itself",
        on=_on(services.TOKEN_FAILED),
        severity="info",
        subject="{provider}",
        first="the provider {provider} gave no token",
        why="{problem}",
        do="steersman auth status",
        page="shared",
        ends=_on(services.TOKEN_REFRESHED, services.TOKEN_RECEIVED),
        over="the provider {provider} gives tokens again",
    ),
)
_CONTENT: Final = (
    Rule(
        name="post_unconfirmed",
        about="a post may be out, and nobody knows",
        on=_on(content.POST_UNCONFIRMED),
        severity="warn",
        subject="{key}",
        first="{draft} on {channel}: nobody knows whether it is out",
        why="{reason}",
        do="steersman content publish {draft}",
        page="content/{draft}",
        ends=_on(content.POST_PUBLISHED, content.POST_FAILED, content.POST_DELETED),
        over="{draft} on {channel}: it is known now",
    ),
    Rule(
        name="post_failed",
        about="a post did not go out and is not tried again by itself",
        on=_on(content.POST_FAILED, cause=("rejected", "misconfigured", "dropped")),
        severity="warn",
        subject="{key}",
        first="{draft} on {channel} did not go out",
        why="{reason}",
        do="steersman content show {draft}",
        page="content/{draft}",
        ends=_on(content.POST_PUBLISHED, content.POST_WITHDRAWN),
        over="{draft} on {channel} is settled",
    ),
    Rule(
        name="post_overdue",
        about="a post should be out and is not",
        on=_on(content.POST_OVERDUE),
        severity="warn",
        subject="{key}",
        first="{draft} on {channel} should be out since {due_at}",
        why="{reason}",
        do="steersman content publish {draft}",
        page="content/{draft}",
        ends=_on(content.POST_PUBLISHED, content.POST_OVERDUE_ENDED),
        over="{draft} on {channel} is not overdue any more",
    ),
    Rule(
        name="publishing_silent",
        about="nobody publishes while posts wait",
        on=_on(content.WORKER_SILENT),
        severity="warn",
        subject="worker",
        first="nobody publishes; posts waiting: {waiting}",
        why="{reason}",
        do="steersman doctor",
        page="content",
        ends=_on(content.WORKER_BACK),
        over="posts go out again",
    ),
)
_MACHINE: Final = (
    Rule(
        name=STORAGE_FAILED,
        about="the ledger cannot be written: nothing is sent or started",
        on=_on("ledger.storage.failed"),
        severity="critical",
        subject="ledger",
        first="the ledger cannot be written: orders and runs stand still",
        why="{problem}",
        do="free disk space; steersman doctor",
        ends=_on("ledger.storage.recovered"),
        over="the ledger can be written again",
    ),
    Rule(
        name="edit_refused",
        about="an edit of steersman.toml was refused; what was in force stays",
        on=_on(policy.EDIT_REFUSED),
        severity="warn",
        # One subject for core and desk: each refuses the same edit for the sections that it reads.
        subject="steersman.toml",
        first="an edit of steersman.toml is refused; what was in force stays",
        why="{problem}",
        do="steersman doctor",
        ends=_on(policy.ACTIVATED, automation.MANIFEST_LOADED),
        over="steersman.toml is in force again",
    ),
    Rule(
        name="core_restarts",
        about="the core started four times within ten minutes",
        on=_on(kernel.CORE_STARTED),
        severity="critical",
        subject="core",
        first="the core keeps dying: four starts within ten minutes",
        why="orders wait while it is away",
        do="steersman doctor, and what `steersman up` prints",
        repeated=_OFTEN,
    ),
    Rule(
        name="desk_restarts",
        about="the desk started four times within ten minutes",
        on=_on(kernel.DESK_STARTED),
        severity="critical",
        subject="desk",
        first="the desk keeps dying: four starts within ten minutes",
        why="automations and the console go with it",
        do="steersman doctor, and what `steersman up` prints",
        repeated=_OFTEN,
        hushed_by=("core_restarts/core",),
    ),
    Rule(
        name=CORE_AWAY,
        about="the core has not answered for a minute; told without the ledger",
        on=(),
        severity="critical",
        subject="core",
        first="the core does not answer: nothing is traded or recorded",
        why="",
        do="steersman status, and what `steersman up` prints",
        over="the core answers again",
    ),
    Rule(
        name="clock_jumped",
        about="the machine's clock was set",
        on=_on(kernel.CLOCK_JUMPED),
        severity="info",
        subject="clock",
        first="the clock jumped by {by_s}",
        do="timedatectl",
    ),
    Rule(
        name="feed_waiting",
        about="prices cannot be read",
        on=_on(kernel.FEED_WAITING),
        severity="warn",
        subject="{feed}",
        first="the feed {feed} cannot be read",
        why="{reason}",
        do="steersman doctor",
        page="signals",
        ends=_on(desk.FEED_STARTED),
        over="the feed {feed} is read again",
    ),
)
RULES: Final = (*_AUTOMATION, *_TRADING, *_PEOPLE, *_DATA, *_CONTENT, *_MACHINE)
NAMES: Final = tuple(rule.name for rule in RULES)
