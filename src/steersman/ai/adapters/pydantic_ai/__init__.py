"""OpenAI-compatible servers (Ollama, vLLM, llama.cpp too), Anthropic and Google, through pydantic-ai."""

from steersman.ai.adapters.pydantic_ai.model import create

__all__ = ["create"]
