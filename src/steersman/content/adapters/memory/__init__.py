"""The channel that keeps posts for as long as the process lives: for tests and dry runs."""

from steersman.content.adapters.memory.channel import MemoryChannel, create

__all__ = ["MemoryChannel", "create"]
