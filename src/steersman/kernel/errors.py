"""One family of errors; each carries `fix`, the sentence the operator can act on."""

from __future__ import annotations


class SteersmanError(Exception):
    """Something the operator should see as it stands: what happened, then what to do next."""

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}\n  fix: {self.fix}" if self.fix else self.message


class Rejected(SteersmanError):
    """A rule said no. Recorded, shown, never retried."""


class Unavailable(SteersmanError):
    """The other side did not answer or said "later". Retried with a limit, then escalated.

    Attributes:
        retry_after_s: when it may be asked again, where it said so.
    """

    def __init__(self, message: str, *, fix: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, fix=fix)
        self.retry_after_s = retry_after_s


class OutcomeUnknown(Unavailable):
    """A request may or may not have taken effect: look it up before doing anything again."""


class Conflict(SteersmanError):
    """Somebody wrote first. Read again, decide again."""


class Misconfigured(SteersmanError):
    """The operator must change something; start-up stops and names the setting."""


class Corrupt(SteersmanError):
    """Stored bytes are not what was written. Nothing is repaired silently."""
