"""Models and reviewers of one workspace, put together from its settings; nobody is asked before somebody says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial

import msgspec

from steersman.ai import Asker, Redactor
from steersman.ai.prompts import load
from steersman.ai.store import Store
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.plugins import factory
from steersman.content.llm import Costs, LlmChecker, Outcome
from steersman.content.ports import Checker, Reviewer
from steersman.content.reviewers import CATEGORY, Panel, Reviewed, ScoreGate, Sending
from steersman.content.settings import QaSettings
from steersman.kernel import references
from steersman.kernel.errors import Misconfigured

PROMPTS = "steersman.content.llm.prompts"
_PRIVATE = ("account", "account_id", "username", "user")


def asker(desk: Desk, name: str = "", *, actor: str) -> Asker:
    """Return the model `name`, else the one that settings choose; nobody is called yet.

    Raises:
        Misconfigured: no such model, its extra is missing, or its key cannot be read.
    """
    workspace = desk.workspace
    chosen, settings = workspace.ai.named(name)
    try:
        model = factory("models", settings.kind)(
            settings=settings, secret=partial(references.resolve, root=workspace.root)
        )
    except Misconfigured as exc:
        raise Misconfigured(f"[model.{chosen}]: {exc.message}", fix=exc.fix) from exc
    return Asker(
        name=chosen,
        settings=settings,
        ai=workspace.ai.ai,
        model=model,
        store=Store(workspace.models),
        redactor=redactor(desk),
        ledger=desk.ledger,
        clock=desk.clock,
        tz=workspace.desk.tz,
        actor=actor,
    )


def redactor(desk: Desk) -> Redactor:
    """Return what keeps secrets in: every secret and account that steersman.toml names, our own, and `[ai] redact`."""
    workspace = desk.workspace
    own = [workspace.console_token, workspace.api_token, *(workspace.state / "hooks").glob("*.secret")]
    kept = [path.read_text(encoding="utf-8", errors="replace").strip() for path in own if path.is_file()]
    return Redactor([*workspace.ai.ai.redact, *kept, *_secrets(desk, workspace.file.data)])


def _secrets(desk: Desk, node: object, key: str = "") -> Iterator[str]:
    if isinstance(node, Mapping):
        for inner_key, inner in node.items():
            yield from _secrets(desk, inner, str(inner_key))
    elif isinstance(node, list):
        for inner in node:
            yield from _secrets(desk, inner, key)
    elif isinstance(node, str) and node.startswith(("env:", "file:")) and not references.problem(node):
        # One that cannot be read here cannot stand in a draft of ours under that name; whoever needs it says so.
        with suppress(Misconfigured):
            yield references.resolve(node, desk.workspace.root)
    elif isinstance(node, str) and key in _PRIVATE:
        yield node


def llm_checker(
    desk: Desk,
    model: str = "",
    *,
    actor: str,
    before: Callable[[Costs], None] | None = None,
    after: Callable[[Outcome], None] | None = None,
) -> LlmChecker:
    """Return the slow tier of the first pass, with the model `model` or the one that settings choose.

    Raises:
        Misconfigured: as `asker`.
    """
    return LlmChecker(asker(desk, model, actor=actor), load(PROMPTS, "proofread"), before=before, after=after)


def reviewers(desk: Desk, names: Sequence[str], *, actor: str) -> list[Reviewer]:
    """Return the declared reviewers `names` (`all`: every one), each once.

    Raises:
        Misconfigured: one is not declared, or cannot be set up; names it.
    """
    declared = desk.workspace.content.reviewers
    wanted = list(declared) if "all" in names else list(dict.fromkeys(names))
    if not declared:
        raise Misconfigured(
            "no reviewer is declared", fix='write [reviewer.lt] kind = "languagetool" (docs/reference/reviewers.md)'
        )
    if unknown := [name for name in wanted if name not in declared]:
        raise Misconfigured(f"there is no reviewer {unknown[0]!r}", fix=f"name one of: {', '.join(declared)}, all")
    return [_reviewer(desk, name, actor=actor) for name in wanted]


def _reviewer(desk: Desk, name: str, *, actor: str) -> Reviewer:
    root, settings = desk.workspace.root, desk.workspace.content.reviewers[name]
    try:
        made: Reviewer = factory("reviewers", settings.kind)(
            name=name,
            settings=settings,
            root=root,
            secret=partial(references.resolve, root=root),
            redactor=redactor(desk),
            clock=desk.clock,
            asker=lambda model: asker(desk, model, actor=actor),
        )
    except Misconfigured as exc:
        raise Misconfigured(f"[reviewer.{name}]: {exc.message}", fix=exc.fix) from exc
    return made


def panel(
    desk: Desk,
    names: Sequence[str],
    *,
    actor: str,
    before: Callable[[Sending], bool],
    after: Callable[[Reviewed], None],
) -> Panel:
    """Return the reviewers `names` as one engine of the first pass.

    Raises:
        Misconfigured: as `reviewers`.
    """
    asked = reviewers(desk, names, actor=actor)
    return Panel(asked, ledger=desk.ledger, clock=desk.clock, actor=actor, before=before, after=after)


def score_gates(desk: Desk) -> tuple[Checker, ...]:
    """Return what stops versions that were scored below a minimum; nothing where no reviewer has one."""
    minimum = {name: s.minimum for name, s in desk.workspace.content.reviewers.items() if s.minimum}
    return (ScoreGate(minimum, desk.ledger),) if minimum else ()


def with_score_gate(settings: QaSettings) -> QaSettings:
    """Return `settings` under which a score below its minimum stops a post."""
    return msgspec.structs.replace(settings, gates=(*settings.gates, CATEGORY))
