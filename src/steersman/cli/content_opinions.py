"""What `content check` says about a model and reviewers that were asked: before they are, and what came of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.output import console, emit
from steersman.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from steersman.bootstrap.desk import Desk
    from steersman.content.llm import Costs, Outcome
    from steersman.content.ports import Checker
    from steersman.content.reviewers import Reviewed, Sending

Llm = Annotated[
    bool | None, typer.Option("--llm/--no-llm", help="Also ask a language model; says first what it costs.")
]
ModelName = Annotated[
    str, typer.Option("--model", metavar="NAME", help="With --llm: a [model.NAME], not the usual one.")
]
Reviewers = Annotated[
    list[str] | None, typer.Option("--review", metavar="NAME", help="Also ask this [reviewer.NAME]; `all`: every one.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Send text to reviewers elsewhere without asking.")]
ShowPrompt = Annotated[
    bool, typer.Option("--show-prompt", help="With --llm: print what would be sent to the model, and send nothing.")
]


class Opinions:
    """The engines that `--llm` and `--review` add to a check, and what they say on standard error."""

    def __init__(
        self, desk: Desk, *, llm: bool | None, model: str, reviewers: Sequence[str] | None, yes: bool, actor: str
    ) -> None:
        """Set up what was asked for; nobody is asked yet.

        Raises:
            Misconfigured: no such model or reviewer.
        """
        from steersman.bootstrap.reviewing import llm_checker, panel  # start-up time: a plain check asks nobody

        self._yes = yes
        self._out = console(error=True)
        self.outcomes: list[Outcome] = []
        self.reviewed: list[Reviewed] = []
        self.engines: list[Checker] = []
        usual = desk.workspace.content.qa.llm
        if model and llm is False:
            raise Misconfigured("found --model with --no-llm", fix="leave one of them out")
        if llm or model or (usual and llm is None):
            self.engines.append(llm_checker(desk, model or usual, actor=actor, before=self._costs, after=self._outcome))
        if reviewers:
            self.engines.append(panel(desk, reviewers, actor=actor, before=self._may_send, after=self._reviewed))

    @property
    def failed(self) -> bool:
        """Whether somebody who was asked did not say all that was asked for."""
        return any(outcome.unread for outcome in self.outcomes) or any(one.problem for one in self.reviewed)

    def notes(self) -> list[str]:
        """Return who did not say all that was asked for: without it, a table would look cleaner than it is."""
        silent = dict.fromkeys(
            [outcome.source for outcome in self.outcomes if outcome.unread]
            + [one.reviewer for one in self.reviewed if one.problem]
        )
        return [f"{name}: FAILED, so what it would object to is not in this table" for name in silent]

    def _say(self, line: str, style: str = "dim") -> None:
        self._out.print(line, markup=False, style=style, soft_wrap=True)

    def _costs(self, costs: Costs) -> None:
        from steersman.content.llm import costs_line  # as above

        self._say(f"{costs.draft}: llm: {costs_line(costs)}")

    def _outcome(self, outcome: Outcome) -> None:
        from steersman.content.llm import outcome_notes  # as above

        self.outcomes.append(outcome)
        for note in outcome_notes(outcome):
            self._say(f"{outcome.draft}: {outcome.source}: {note}")
        for problem in outcome.problems:
            self._say(f"{outcome.draft}: {outcome.source}: not all was read: {problem}", style="bold red")

    def _may_send(self, sending: Sending) -> bool:
        self._say(f"{sending.draft}: {sending.reviewer}: {sending.announcement}")
        if not sending.asks_first or self._yes:
            return True
        if not sys.stdin.isatty():
            return False
        return typer.confirm("  it leaves this machine; send it?", default=False, err=True)

    def _reviewed(self, one: Reviewed) -> None:
        self.reviewed.append(one)
        if one.scores:
            known = " (as before: this version was scored already)" if one.is_known else ""
            scores = ", ".join(f"{name} {value:g}" for name, value in one.scores.items())
            self._say(f"{one.draft}: {one.reviewer}: {scores}{known}")
        for note in one.notes:
            self._say(f"{one.draft}: {one.reviewer}: {note}")
        if one.problem:
            self._say(f"{one.draft}: {one.reviewer}: FAILED: {one.problem}", style="bold red")
            if one.fix:
                self._say(f"  fix: {one.fix}")


def show_prompts(desk: Desk, paths: Sequence[Path], *, model: str, actor: str, as_json: bool) -> None:
    """Print what `--llm` would send for each part of each draft; sends nothing.

    Raises:
        Misconfigured: no such model, or no such draft.
        DraftUnreadable: one of them is no draft.
    """
    from steersman.bootstrap.reviewing import llm_checker  # as above
    from steersman.content.drafts import find_drafts, read_draft

    checker = llm_checker(desk, model or desk.workspace.content.qa.llm, actor=actor)
    root, settings = desk.workspace.root, desk.workspace.content.qa
    sent = [
        {"draft": name, "instructions": plan.question.instructions, "text": plan.question.text}
        for name in find_drafts(root, settings, paths)
        for _, plan in checker.plans(read_draft(root, name, settings))
    ]

    def render() -> None:
        # Exactly as it would go out: not wrapped at the width of a terminal.
        for one in sent:
            print(f"=== {one['draft']}\n{one['instructions']}\n\n{one['text']}\n")

    emit(as_json, sent, render)
