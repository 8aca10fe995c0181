"""`[model.NAME]` with `kind = "pydantic_ai"`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from steersman.ai.addresses import is_loopback, wrong_with
from steersman.ai.settings import ModelSettings, Problem
from steersman.kernel import references

ADDRESSES: Final = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "google": "https://generativelanguage.googleapis.com",
}


class PydanticAiSettings(ModelSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model behind an API.

    Attributes:
        provider: whose protocol it speaks; `openai` is also that of Ollama, vLLM, llama.cpp and most gateways.
        model: as the provider calls it, e.g. "qwen2.5:7b".
        base_url: empty: the provider's own. For Ollama "http://127.0.0.1:11434/v1".
        key: where the API key is: `env:NAME` or `file:PATH`; empty where the server asks for none.
        output: `native` asks the server to hold the answer to the schema; `prompted` only shows it the schema.
    """

    kind: str = "pydantic_ai"
    provider: Literal["openai", "anthropic", "google"] = "openai"
    model: str = ""
    base_url: str = ""
    key: str = ""
    output: Literal["native", "prompted"] = "native"

    @property
    def address(self) -> str:
        return (self.base_url or ADDRESSES[self.provider]).rstrip("/")

    @property
    def is_local(self) -> bool:
        return is_loopback(self.address)

    @property
    def provider_model(self) -> str:
        return self.model

    def problems(self, root: Path) -> Iterator[Problem]:
        yield from super().problems(root)
        if not self.model.strip():
            yield "model", "the name of the model is missing", 'write e.g. model = "qwen2.5:7b"'
        if wrong := wrong_with(self.address):
            yield "base_url", wrong, 'write e.g. base_url = "http://127.0.0.1:11434/v1"'
        if self.key and (wrong := references.problem(self.key)):
            yield "key", wrong, references.FIX
        if not self.key and not self.is_local:
            yield "key", f"it is missing, and {self.address} asks for one", 'write key = "env:NAME"'
