"""A model whose answers are given."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from steersman.ai.adapters.memory.settings import MemorySettings
from steersman.ai.ports import Answer, Question
from steersman.kernel.errors import SteersmanError, Unavailable

Scripted = str | Answer | SteersmanError | Callable[[Question], str | Answer]


class ScriptedModel:
    """Gives `answers` in turn, the last one for ever; what it was asked stands in `asked`. For several threads."""

    def __init__(self, answers: Sequence[Scripted] = ()) -> None:
        """A str is the text of an answer whose tokens are its words; an error is raised; a function is called."""
        self._answers = list(answers)
        self._lock = threading.Lock()
        self.asked: list[Question] = []

    def answer(self, question: Question) -> Answer:
        with self._lock:
            self.asked.append(question)
            if not self._answers:
                raise Unavailable("this model has no answers written down", fix='write answers = ["{...}"]')
            given = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(given, SteersmanError):
            raise given
        if callable(given):
            given = given(question)
        if isinstance(given, Answer):
            return given
        sent = f"{question.instructions} {question.text}"
        return Answer(text=given, input_tokens=len(sent.split()), output_tokens=max(1, len(given.split())))


def create(*, settings: MemorySettings, secret: Callable[[str], str] | None = None, **_: Any) -> ScriptedModel:
    return ScriptedModel(settings.answers)
