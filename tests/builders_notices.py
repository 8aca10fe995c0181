"""Things that are told, targets that are told, and settings that spell out only what a test is about."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from steersman.bootstrap.catalogue import event_types
from steersman.bootstrap.notice_rules import NAMES, RULES
from steersman.bootstrap.plugins import setting_type
from steersman.kernel.clock import Clock, FakeClock
from steersman.kernel.ids import uuid7
from steersman.kernel.toml_file import TomlFile
from steersman.ledger import Event, Ledger, new_event
from steersman.services.notices import NotifierSettings, Reader, Telling, read
from steersman.services.notices.adapters.memory import MemoryNotifier
from steersman.services.notices.memory import StateFile
from steersman.services.notices.model import Message
from steersman.services.notices.storm import Limits
from steersman.services.notices.teller import Teller

MINUTE = 60_000_000_000
HOUR = 60 * MINUTE
NOON = 1_764_504_000 * 10**9  # 2025-11-30T12:00Z


def a_telling(subject: str = "prices", rule: str = "run_failed", **fields: Any) -> Telling:
    return Telling(
        **{
            "rule": rule,
            "subject": subject,
            "severity": "warn",
            "first": f"{subject} failed",
            "at": NOON,
            "can_end": True,
            **fields,
        }
    )


def an_end(subject: str = "prices", rule: str = "run_failed", **fields: Any) -> Telling:
    return a_telling(subject, rule, **{"first": f"{subject} succeeds again", "ends": True, **fields})


def a_message(**fields: Any) -> Message:
    return Message(
        **{
            "id": "5b6f0d0e-8a55-8d34-9d61-1c8f0f3f3a11",
            "kind": "raised",
            "severity": "warn",
            "keys": ("run_failed/prices",),
            "first": "prices failed: ended with exit code 1",
            "why": "run prices-1, attempt 2",
            "do": "steersman auto logs prices-1",
            "link": "https://desk.example/runs/prices-1",
            "at": NOON,
            "made_at": NOON,
            **fields,
        }
    )


def record(ledger: Ledger, type_: str, *, stream: str = "s", at: int = NOON, **data: Any) -> Event:
    """Append one event and return it as stored."""
    event = new_event(type_, stream=stream, data={**data, "at": at}, actor="desk", now_ns=at, id=uuid7(at))
    ledger.append([event])
    found = ledger.get(event.id)
    assert found is not None
    return found


def failed(ledger: Ledger, automation: str = "prices", *, will_retry: bool = False, status: str = "failed") -> Event:
    return record(
        ledger,
        "automation.run.finished",
        stream=f"run/{automation}-1",
        automation=automation,
        run_id=f"{automation}-1",
        status=status,
        will_retry=will_retry,
        attempt=1,
        error="ended with exit code 1",
    )


def succeeded(ledger: Ledger, automation: str = "prices") -> Event:
    return failed(ledger, automation, status="succeeded")


def settings(text: str, root: Path = Path()) -> dict[str, NotifierSettings]:
    return read(
        TomlFile(text, name="steersman.toml"), root, partial(setting_type, "notifier"), lambda: NAMES, event_types
    )


class Told:
    """One target over a ledger, on a clock that is moved; `restart` is a new life with what the old one left."""

    def __init__(self, root: Path, ledger: Ledger, clock: FakeClock, **fields: Any) -> None:
        self.root = root
        self.ledger = ledger
        self.clock = clock
        self.notifier = MemoryNotifier()
        self.limits = Limits(**{"target": "phone", **fields})
        self.teller = self.restart()

    def restart(self) -> Teller:
        self.teller = a_teller(self.root, self.ledger, self.clock, self.notifier, self.limits)
        return self.teller

    def after(self, seconds: float = 0.0) -> list[str]:
        """Let time pass, tick once, and return the first lines of what was sent by that."""
        self.clock.advance(seconds)
        before = len(self.notifier.sent)
        self.teller.tick()
        return [message.first for message in self.notifier.sent[before:]]


def a_teller(root: Path, ledger: Ledger, clock: Clock, notifier: MemoryNotifier, limits: Limits) -> Teller:
    return Teller(
        name=limits.target,
        notifier=notifier,
        reader=Reader(RULES),
        limits=limits,
        ledger=ledger,
        clock=clock,
        file=StateFile(root / "notices" / "phone.json"),
        chance=lambda: 0.5,
    )
