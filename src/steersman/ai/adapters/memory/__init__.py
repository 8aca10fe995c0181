"""Answers written down beforehand: for tests, the demo and dry runs. Asks nobody."""

from steersman.ai.adapters.memory.model import ScriptedModel, create

__all__ = ["ScriptedModel", "create"]
