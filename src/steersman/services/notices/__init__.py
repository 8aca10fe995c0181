"""Who is told what, when and how often: from the ledger's events to messages that arrive (ADR 0014)."""

from steersman.services.notices.model import Message, Severity, Telling, text
from steersman.services.notices.ports import Notifier
from steersman.services.notices.rules import Reader, Repeated, Rule
from steersman.services.notices.settings import HeartbeatSettings, NotifierSettings, read

__all__ = [
    "HeartbeatSettings",
    "Message",
    "Notifier",
    "NotifierSettings",
    "Reader",
    "Repeated",
    "Rule",
    "Severity",
    "Telling",
    "read",
    "text",
]
