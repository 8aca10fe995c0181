"""The port of a target. Every adapter passes tests/contracts/test_notifier.py."""

from __future__ import annotations

from typing import Protocol

from steersman.services.notices.model import Message


class Notifier(Protocol):
    """Tells one target, in one attempt: whether there is another one is decided by who calls."""

    def send(self, message: Message) -> str:
        """Deliver `message` and return what the other side said, in a few words without anything secret.

        Raises:
            Unavailable: it did not arrive; it may be tried again.
            OutcomeUnknown: it may have arrived.
            Rejected: the other side does not take this message; another one may pass.
            Misconfigured: nothing will arrive before somebody changes the settings.
        """
        ...
