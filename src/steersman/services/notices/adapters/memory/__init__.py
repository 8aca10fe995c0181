"""The target that keeps messages for as long as the process lives: for tests and dry runs."""

from steersman.services.notices.adapters.memory.notifier import MemoryNotifier, create

__all__ = ["MemoryNotifier", "create"]
