"""The engine that remembers nothing: a thread per run. What the command line, the demo's dry run and the tests use."""

from steersman.automation.adapters.memory.engine import MemoryEngine, create

__all__ = ["MemoryEngine", "create"]
