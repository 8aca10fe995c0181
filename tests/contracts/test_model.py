"""What every model promises, run on each adapter: one request per question, and errors that say what they cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Literal

import pytest
from tests.local_server import Asked, LocalServer, Reply, reply

from steersman.ai import Answer, Model, Question
from steersman.ai.adapters.memory import ScriptedModel
from steersman.ai.adapters.pydantic_ai import create
from steersman.ai.adapters.pydantic_ai.settings import PydanticAiSettings
from steersman.kernel.errors import Misconfigured, OutcomeUnknown, Rejected, Unavailable

QUESTION = Question(
    instructions="Say one word.",
    text="<data>\ntext\n</data>",
    schema={
        "type": "object",
        "properties": {"word": {"type": "string"}},
        "required": ["word"],
        "additionalProperties": False,
    },
    schema_name="word",
    max_output_tokens=50,
)
SAID = '{"word":"yes"}'
Outcome = str
Open = Callable[[Outcome], AbstractContextManager[tuple[Model, Callable[[], int]]]]
ERRORS = {
    "later": Unavailable,
    "key refused": Misconfigured,
    "question refused": Rejected,
    "failed": OutcomeUnknown,
    "cut off": OutcomeUnknown,
}
_STATUS = {"later": 429, "key refused": 401, "question refused": 400, "failed": 500}


@pytest.fixture(autouse=True)
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests of pydantic-ai are allowed here, for they go to a server of ours."""
    monkeypatch.setattr("pydantic_ai.models.ALLOW_MODEL_REQUESTS", True)


@contextmanager
def memory(outcome: Outcome) -> Iterator[tuple[Model, Callable[[], int]]]:
    error = ERRORS.get(outcome)
    model = ScriptedModel([error("no") if error else Answer(text=SAID, input_tokens=11, output_tokens=5)])
    yield model, lambda: len(model.asked)


def _openai(asked: Asked) -> Reply:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": SAID}}
    usage = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}
    return reply(
        {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    )


def _anthropic(asked: Asked) -> Reply:
    content = [{"type": "text", "text": SAID}]
    usage = {"input_tokens": 11, "output_tokens": 5}
    return reply(
        {"id": "1", "type": "message", "role": "assistant", "model": "m", "content": content, "usage": usage,
         "stop_reason": "end_turn", "stop_sequence": None}
    )  # fmt: skip


def _google(asked: Asked) -> Reply:
    candidate = {"content": {"role": "model", "parts": [{"text": SAID}]}, "finishReason": "STOP", "index": 0}
    usage = {"promptTokenCount": 11, "candidatesTokenCount": 5, "totalTokenCount": 16}
    return reply({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m"})


def _served(provider: Literal["openai", "anthropic", "google"], model: str, respond: Callable[[Asked], Reply]) -> Open:
    @contextmanager
    def opened(outcome: Outcome) -> Iterator[tuple[Model, Callable[[], int]]]:
        def answer(asked: Asked) -> Reply:
            if outcome == "cut off":
                return Reply(how="reset")
            if outcome in _STATUS:
                return reply({"error": {"message": "no", "type": "error"}, "type": "error"}, _STATUS[outcome])
            return respond(asked)

        with LocalServer(answer) as server:
            settings = PydanticAiSettings(
                provider=provider,
                model=model,
                base_url=server.url,
                key="env:KEY",
                timeout="60s",
            )
            yield create(settings=settings, secret=lambda _: "key-123"), lambda: len(server.asked)

    return opened


MODELS: dict[str, Open] = {
    "memory": memory,
    "openai": _served("openai", "m", _openai),
    "anthropic": _served("anthropic", "claude-opus-4-8", _anthropic),
    "google": _served("google", "gemini-2.5-flash", _google),
}


@pytest.fixture(params=list(MODELS))
def opened(request: pytest.FixtureRequest) -> Open:
    return MODELS[request.param]


def test_an_answer_brings_its_text_and_its_tokens_in_one_request(opened: Open) -> None:
    with opened("answers") as (model, requests):
        assert model.answer(QUESTION) == Answer(text=SAID, input_tokens=11, output_tokens=5)
        assert requests() == 1


@pytest.mark.parametrize("outcome", list(ERRORS))
def test_an_error_says_what_it_means_and_nothing_is_sent_again(opened: Open, outcome: str) -> None:
    with opened(outcome) as (model, requests):
        with pytest.raises(Unavailable if outcome == "later" else ERRORS[outcome]) as error:
            model.answer(QUESTION)
        assert type(error.value) is ERRORS[outcome]
        assert requests() == 1
        assert "key-123" not in str(error.value)
