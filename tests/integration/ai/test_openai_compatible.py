"""A local OpenAI-compatible server of ours: what is sent to it, and every way it can go wrong."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from tests.builders_ai import PROMPT, SAID, Word, an_asker
from tests.local_server import Asked, LocalServer, Reply, reply

from steersman.ai import Question
from steersman.ai.adapters.pydantic_ai import create
from steersman.ai.adapters.pydantic_ai.model import PydanticAiModel
from steersman.ai.adapters.pydantic_ai.settings import PydanticAiSettings
from steersman.ai.asker import InvalidAnswer
from steersman.kernel.errors import Misconfigured, OutcomeUnknown, SteersmanError, Unavailable


@pytest.fixture(autouse=True)
def allowed(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Requests are allowed only where a server of ours takes them."""
    monkeypatch.setattr("pydantic_ai.models.ALLOW_MODEL_REQUESTS", "offline" not in request.node.name)


def completion(content: str | None, finish: str = "stop", usage: dict[str, int] | None = None) -> Reply:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content}}
    counted = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110} if usage is None else usage
    return reply(
        {"id": "1", "object": "chat.completion", "created": 1, "model": "q", "choices": [choice], "usage": counted}
    )


def a_model(url: str, **fields: Any) -> PydanticAiModel:
    settings = PydanticAiSettings(**{"model": "q", "base_url": f"{url}/v1", "timeout": "60s", **fields})
    return create(settings=settings, secret=lambda _: "sk-key-never-shown")


def test_one_request_asks_for_the_schema_and_offers_no_tools(tmp_path: Path) -> None:
    with LocalServer(lambda _: completion(SAID)) as server:
        asker = an_asker(tmp_path, model=a_model(server.url, key="env:KEY"))
        assert asker.ask(asker.plan(PROMPT, "text", Word), Word).value == Word("yes")
    [asked] = server.asked
    sent = asked.json
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == "Bearer sk-key-never-shown"
    assert sent["response_format"]["json_schema"]["schema"]["required"] == ["word"]
    assert "tools" not in sent
    # What local servers know; the newer name would be ignored there, and nothing would bound the answer.
    assert sent["max_tokens"] == 4000
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]


def test_a_server_without_structured_output_is_shown_the_schema(tmp_path: Path) -> None:
    with LocalServer(lambda _: completion(f"```json\n{SAID}\n```")) as server:
        asker = an_asker(tmp_path, model=a_model(server.url, output="prompted"))
        assert asker.ask(asker.plan(PROMPT, "text", Word), Word).value == Word("yes")
    sent = server.asked[0].json
    assert "response_format" not in sent
    assert '"additionalProperties":false' in sent["messages"][0]["content"]


def test_an_answer_that_is_packed_although_nobody_asked_for_it_is_read(tmp_path: Path) -> None:
    said = completion(SAID)
    packed = Reply(body=gzip.compress(said.body), headers={"Content-Encoding": "gzip"})
    with LocalServer(lambda _: packed) as server:
        asker = an_asker(tmp_path, model=a_model(server.url))
        assert asker.ask(asker.plan(PROMPT, "text", Word), Word).value == Word("yes")
    assert server.asked[0].headers["accept-encoding"] == "identity"


FAULTS: dict[str, tuple[Callable[[Asked], Reply], type[SteersmanError], str, bool]] = {
    "rate limit": (lambda _: reply({"error": {"message": "slow"}}, 429, Retry_After="7"), Unavailable, "429", False),
    "wrong key": (lambda _: reply({"error": {"message": "sk-key-never-shown"}}, 401), Misconfigured, "key", False),
    "no model": (lambda _: reply({"error": {"message": "?"}}, 404), Misconfigured, "no model 'q'", False),
    "failure": (lambda _: reply({"error": {"message": "x"}}, 503), OutcomeUnknown, "503", True),
    "html": (lambda _: Reply(body=b"<html>hi</html>", headers={"Content-Type": "text/html"}), OutcomeUnknown, "", True),
    "half json": (lambda _: Reply(body=b'{"choices": ['), OutcomeUnknown, "", True),
    "other json": (lambda _: Reply(body=b'{"hello": 1}'), OutcomeUnknown, "", True),
    "endless": (lambda _: Reply(body=b" " * 17_000_000), OutcomeUnknown, "", True),
    "packed bomb": (
        lambda _: Reply(body=gzip.compress(b" " * 100_000_000), headers={"Content-Encoding": "gzip"}),
        OutcomeUnknown,
        "",
        True,
    ),
    "packed twice": (
        lambda _: Reply(body=gzip.compress(gzip.compress(b"{}")), headers={"Content-Encoding": "gzip, gzip"}),
        OutcomeUnknown,
        "",
        True,
    ),
    "reset": (lambda _: Reply(how="reset"), OutcomeUnknown, "did not answer", True),
    "slow": (lambda _: Reply(how="hang"), OutcomeUnknown, "within 200ms", True),
    "redirect": (lambda _: Reply(status=307, headers={"Location": "http://example.com/"}), SteersmanError, "", False),
}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_fault_is_said_is_not_tried_again_and_counts_if_it_may_be_charged(tmp_path: Path, fault: str) -> None:
    respond, kind, says, may_be_charged = FAULTS[fault]
    with LocalServer(respond) as server:
        model = a_model(server.url, key="env:KEY", timeout="200ms" if fault == "slow" else "60s")
        asker = an_asker(tmp_path, model=model)
        plan = asker.plan(PROMPT, "text", Word)
        with pytest.raises(kind) as error:
            asker.ask(plan, Word)
    assert says in error.value.message
    assert error.value.fix
    assert "sk-key-never-shown" not in str(error.value)
    assert len(server.asked) == 1
    assert asker.spent() == (plan.most if may_be_charged else 0)


def test_nobody_at_the_address_costs_nothing(tmp_path: Path) -> None:
    with LocalServer(lambda _: completion(SAID)) as server:
        url = server.url
    asker = an_asker(tmp_path, model=a_model(url))
    with pytest.raises(Unavailable, match="cannot be reached"):
        asker.ask(asker.plan(PROMPT, "text", Word), Word)
    assert asker.spent() == 0


@pytest.mark.parametrize(
    ("content", "finish", "says"),
    [
        ("", "stop", "said nothing"),
        (None, "stop", "nothing"),
        ('{"word": "y', "length", "cut off"),
        ("no", "stop", "form"),
    ],
)
def test_an_answer_without_use_is_paid_for(tmp_path: Path, content: str | None, finish: str, says: str) -> None:
    with LocalServer(lambda _: completion(content, finish)) as server:
        asker = an_asker(tmp_path, model=a_model(server.url))
        with pytest.raises(InvalidAnswer, match=says):
            asker.ask(asker.plan(PROMPT, "text", Word), Word)
    assert asker.spent() > 0


def test_a_function_model_answers_offline(tmp_path: Path) -> None:
    def hostile(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        assert not info.function_tools
        assert not info.output_tools
        return ModelResponse(parts=[TextPart('{"word": "yes", "tool": "rm -rf /"}')])

    settings = PydanticAiSettings(model="q", base_url="http://127.0.0.1:1/v1")
    asker = an_asker(tmp_path, model=create(settings=settings, served=FunctionModel(hostile)))
    # What it says beyond the form it was asked for is not even decoded.
    assert asker.ask(asker.plan(PROMPT, "text", Word), Word).value == Word("yes")


def test_a_function_model_that_takes_too_long_is_cut_off_offline() -> None:
    import asyncio

    async def slow(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        await asyncio.Event().wait()
        raise AssertionError

    settings = PydanticAiSettings(model="q", base_url="http://127.0.0.1:1/v1", timeout="50ms")
    model = create(settings=settings, served=FunctionModel(slow))
    question = Question(instructions="i", text="t", schema={"type": "object"}, schema_name="x", max_output_tokens=5)
    with pytest.raises(OutcomeUnknown, match="within 50ms"):
        model.answer(question)


def test_requests_to_a_provider_are_impossible_offline() -> None:
    model = a_model("http://127.0.0.1:1")
    question = Question(instructions="i", text="t", schema={"type": "object"}, schema_name="x", max_output_tokens=5)
    with pytest.raises(RuntimeError, match="not allowed"):
        model.answer(question)


def test_a_missing_extra_is_said_before_anything_is_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Misconfigured, match="extra that is not installed") as error:
        a_model("http://127.0.0.1:1")
    assert error.value.fix == "pip install 'steersman[ai]'"
