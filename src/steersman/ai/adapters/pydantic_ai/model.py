"""One request per question through pydantic-ai: no tools, no agent loop, and no retry by any of its layers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from steersman.ai.adapters.pydantic_ai.settings import PydanticAiSettings
from steersman.ai.ports import Answer, Finish, Question
from steersman.kernel.errors import Misconfigured, OutcomeUnknown, Rejected, SteersmanError, Unavailable

if TYPE_CHECKING:
    import httpx2
    from pydantic_ai.messages import ModelResponse
    from pydantic_ai.models import Model as Served
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.settings import ModelSettings

_FINISHES: Final[Mapping[str, Finish]] = {"stop": "stop", "length": "length", "content_filter": "filter"}
_NOT_SENT: Final = ("pool", "connect")


class PydanticAiModel:
    """A model behind an API. Each question opens its own connection and event loop, so any thread may ask."""

    def __init__(self, settings: PydanticAiSettings, key: str, served: Served | None = None) -> None:
        """Keep the key; `served` replaces the provider (pydantic-ai's FunctionModel in tests)."""
        self._settings = settings
        self._key = key
        self._served = served

    def answer(self, question: Question) -> Answer:
        from pydantic_ai.exceptions import AgentRunError, UserError  # start-up time: 1.1 s

        try:
            return _answer(asyncio.run(self._request(question)))
        except UserError as exc:
            raise Misconfigured(
                f"{self._settings.model} cannot be asked this way: {_plain(exc)}", fix='write output = "prompted"'
            ) from exc
        except AgentRunError as exc:
            raise self._failure(exc) from exc
        except TimeoutError as exc:
            raise self._late() from exc

    async def _request(self, question: Question) -> ModelResponse:
        import httpx2  # as above
        from pydantic_ai.messages import ModelRequest, SystemPromptPart, UserPromptPart

        from steersman.ai.adapters.pydantic_ai.bounds import bounded  # as above

        is_native = self._settings.output == "native"
        instructions = question.instructions if is_native else question.instructions + _spoken(question)
        messages = [ModelRequest(parts=[SystemPromptPart(instructions), UserPromptPart(question.text)])]
        timeout_s = self._settings.timeout_s
        # Not from the environment: a proxy set there would be one more reader.
        async with httpx2.AsyncClient(
            timeout=timeout_s + 1,
            trust_env=False,
            follow_redirects=False,
            headers={"Accept-Encoding": "identity"},
            event_hooks={"response": [bounded]},
        ) as http:
            served = self._served or _serve(self._settings, self._key, http)
            # Set up before the time counts: the first import of a provider's library takes a second.
            async with asyncio.timeout(timeout_s):
                return await served.request(
                    list(messages), _bounds(question, self._settings), _parameters(question, is_native=is_native)
                )

    def _failure(self, error: Exception) -> SteersmanError:
        """Say what an error of the provider means for the money, in words that quote nothing that was sent."""
        from pydantic_ai.exceptions import ModelConnectionError, ModelHTTPError, ModelRequestTimeout

        place = self._settings.address
        if isinstance(error, ModelHTTPError):
            return self._refusal(error.status_code, error.retry_after)
        if isinstance(error, ModelConnectionError):
            if error.phase in _NOT_SENT:
                return Unavailable(f"{place} cannot be reached", fix="start the server, or correct base_url")
            return OutcomeUnknown(
                f"{place} took the question and did not answer", fix="see what it says; then ask again"
            )
        if isinstance(error, ModelRequestTimeout):
            return self._late()
        status = getattr(error.__cause__, "status_code", None)
        if isinstance(status, int) and 300 <= status < 400:
            return Misconfigured(f"{place} sends on to another address ({status})", fix="write that one as base_url")
        return OutcomeUnknown(
            f"{place} answered in a form that is not its protocol's", fix="check provider and base_url of this model"
        )

    def _refusal(self, status: int, retry_after_s: float | None) -> SteersmanError:
        place, model = self._settings.address, self._settings.model
        if status == 429:
            later = f" for {retry_after_s:g} s" if retry_after_s else ""
            return Unavailable(f"{place} takes no questions{later} (429)", fix="wait, or raise the limit there")
        if status in (401, 403):
            return Misconfigured(f"{place} refuses the key ({status})", fix=f"correct the key of {model}")
        if status == 404:
            return Misconfigured(
                f"{place} knows no model {model!r}, or is no such API (404)", fix="correct model or base_url"
            )
        if status >= 500:
            return OutcomeUnknown(
                f"{place} failed ({status})", fix="ask again later; what it may have cost stays counted"
            )
        return Rejected(f"{place} refuses the question ({status})", fix='shorten it, or write output = "prompted"')

    def _late(self) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"{self._settings.address} did not answer within {self._settings.timeout}", fix="raise the model's timeout"
        )


def _serve(settings: PydanticAiSettings, key: str, http: httpx2.AsyncClient) -> Served:
    """Return pydantic-ai's model for a provider; the SDK below it may not retry: that could be charged twice."""
    if settings.provider == "anthropic":
        from anthropic import AsyncAnthropic
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        client = AsyncAnthropic(api_key=key, base_url=settings.address, http_client=http, max_retries=0)
        return AnthropicModel(settings.model, provider=AnthropicProvider(anthropic_client=client))
    if settings.provider == "google":
        from google.genai.types import HttpRetryOptions
        from pydantic_ai.models.google import GoogleModel
        from pydantic_ai.providers.google import GoogleProvider

        provider = GoogleProvider(
            api_key=key,
            base_url=settings.address,
            http_client=http,
            retry_options=HttpRetryOptions(attempts=1),
        )
        return GoogleModel(settings.model, provider=provider)
    return _openai(settings, key, http)


def _openai(settings: PydanticAiSettings, key: str, http: httpx2.AsyncClient) -> Served:
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.profiles.openai import OpenAIModelProfile
    from pydantic_ai.providers.openai import OpenAIProvider

    # A server that asks for no key still gets the header the SDK insists on.
    client = AsyncOpenAI(api_key=key or "none", base_url=settings.address, http_client=http, max_retries=0)
    # Ollama, llama.cpp and older vLLM know max_tokens only, and ignore what they do not know: no bound at all.
    profile = OpenAIModelProfile(openai_chat_supports_max_completion_tokens=False) if settings.base_url else None
    return OpenAIChatModel(settings.model, provider=OpenAIProvider(openai_client=client), profile=profile)


def _bounds(question: Question, settings: PydanticAiSettings) -> ModelSettings:
    # One second more than the whole may take: the outer limit decides, and says so.
    bounds: ModelSettings = {"max_tokens": question.max_output_tokens, "timeout": settings.timeout_s + 1}
    if settings.is_local and settings.provider == "openai":
        bounds["temperature"] = 0.0  # hosted models of 2026 refuse it
    return bounds


def _parameters(question: Question, *, is_native: bool) -> ModelRequestParameters:
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.output import OutputObjectDefinition

    if not is_native:
        return ModelRequestParameters(output_mode="text")
    shape = OutputObjectDefinition(json_schema=question.schema, name=question.schema_name, strict=True)
    return ModelRequestParameters(output_mode="native", output_object=shape)


def _spoken(question: Question) -> str:
    return f"\n\nThe JSON schema of the answer:\n{msgspec.json.encode(question.schema).decode()}"


def _answer(response: ModelResponse) -> Answer:
    from pydantic_ai.messages import TextPart

    text = "".join(part.content for part in response.parts if isinstance(part, TextPart))
    return Answer(
        text=text,
        input_tokens=response.usage.input_tokens,
        output_tokens=response.usage.output_tokens,
        finish=_FINISHES.get(response.finish_reason or "stop", "other"),
    )


def _plain(error: Exception) -> str:
    return str(error).splitlines()[0][:200]


def create(
    *, settings: PydanticAiSettings, secret: Callable[[str], str] | None = None, served: Any = None, **_: Any
) -> PydanticAiModel:
    """Set up a model; nobody is called yet.

    Raises:
        Misconfigured: the extra is not installed, or the key cannot be read.
    """
    from importlib.util import find_spec  # asked here, so that a missing extra is said before anything is planned

    if find_spec("pydantic_ai") is None:
        raise Misconfigured("models need an extra that is not installed", fix="pip install 'steersman[ai]'")
    key = secret(settings.key) if settings.key and secret is not None else ""
    return PydanticAiModel(settings, key, served)
