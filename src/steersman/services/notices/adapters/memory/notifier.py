"""Messages in a list, and troubles as they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from steersman.kernel.clock import Clock
from steersman.kernel.errors import SteersmanError
from steersman.services.notices.model import Message
from steersman.services.notices.settings import NotifierSettings


class MemoryNotifier:
    """`troubles` are raised by the next sends, one each; None lets one pass."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.troubles: list[SteersmanError | None] = []

    def send(self, message: Message) -> str:
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble is not None:
            raise trouble
        self.sent.append(message)
        return "kept in memory"


def create(
    *, name: str, settings: NotifierSettings, root: Path, desk: str, secret: Callable[[str], str], clock: Clock
) -> MemoryNotifier:
    """Return a target without an address."""
    return MemoryNotifier()
