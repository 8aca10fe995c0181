"""Remarks by the operator's own instructions: located and checked exactly as those of the built-in ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from steersman.ai import Asker, Prompt
from steersman.ai.prompts import load
from steersman.content.adapters.instructions.settings import InstructionsSettings
from steersman.content.llm import LlmChecker, Outcome, costs_line, outcome_notes
from steersman.content.model.draft import Draft
from steersman.content.ports import Review
from steersman.kernel.errors import Misconfigured, Unavailable


class InstructionsReviewer:
    """A model under the operator's instructions; its findings carry the reviewer's name."""

    kind = "instructions"

    def __init__(self, name: str, asker: Asker, prompt: Prompt) -> None:
        self.name = name
        self._outcome: Outcome | None = None
        self._asker = asker
        self._checker = LlmChecker(asker, prompt, name=name, after=self._keep)

    @property
    def asks_first(self) -> bool:
        # A model elsewhere is refused with the settings, unless [ai] remote says that texts may go there.
        return False

    def announcement(self, draft: Draft) -> str:
        return costs_line(self._checker.costs(draft, self._checker.plans(draft)))

    def review(self, draft: Draft) -> Review:
        found = self._checker.check(draft)
        outcome = self._outcome
        if outcome is None:  # pragma: no cover - `after` was called
            raise Unavailable(f"{self.name}: no outcome", fix="report it")
        problem = ""
        if outcome.unread:
            first = outcome.problems[0].partition("\n")[0]
            if not outcome.asked:
                raise Unavailable(f"{self.name}: {first}", fix="see `steersman ai status`")
            problem = f"{outcome.unread} of {outcome.asked + outcome.unread} parts were not read: {first}"
        return Review(found=tuple(found), problem=problem, notes=tuple(outcome_notes(outcome)))

    def _keep(self, outcome: Outcome) -> None:
        self._outcome = outcome


def create(
    *, name: str, settings: InstructionsSettings, root: Path, asker: Callable[[str], Asker], **_: Any
) -> InstructionsReviewer:
    """Read the instructions; nobody is called yet.

    Raises:
        Misconfigured: no such model, or the file cannot be read.
    """
    try:
        text = (root / settings.file).read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise Misconfigured(f"{settings.file} cannot be read as UTF-8 text", fix="save it as UTF-8") from exc
    if not text:
        raise Misconfigured(f"{settings.file} is empty", fix="write your instructions into it")
    frame = load("steersman.content.llm.prompts", "frame")
    return InstructionsReviewer(name, asker(settings.model), Prompt(name=name, text=f"{text}\n\n{frame.text}"))
