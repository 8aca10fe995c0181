"""Models, askers and answers that spell out only what a test is about."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from steersman.ai import Asker, Model, Prompt, Redactor
from steersman.ai.adapters.memory import ScriptedModel
from steersman.ai.adapters.memory.model import Scripted
from steersman.ai.adapters.memory.settings import MemorySettings
from steersman.ai.settings import AiSettings
from steersman.ai.store import Store
from steersman.kernel.clock import Clock, FakeClock
from steersman.ledger import Ledger
from steersman.ledger.adapters.memory import create as memory_ledger


class Word(msgspec.Struct, frozen=True):
    """The smallest answer."""

    word: str


PROMPT = Prompt(name="test", text="Say one word.")
SAID = '{"word": "yes"}'


def remark(quote: str, replacement: str = "", **fields: Any) -> dict[str, Any]:
    plain = {"kind": "clarity", "context": "", "message": "hard to read"}
    return {**plain, "quote": quote, "replacement": replacement, **fields}


def remarks(*given: dict[str, Any]) -> str:
    return msgspec.json.encode({"remarks": given}).decode()


def an_asker(
    folder: Path,
    *answers: Scripted,
    model: Model | None = None,
    ledger: Ledger | None = None,
    clock: Clock | None = None,
    budget: str = "1",
    price: str | None = "1",
    known: Iterable[str] = (),
    **fields: Any,
) -> Asker:
    """Return an asker of a scripted model that costs `price` per million tokens both ways; None: it is free."""
    settings = MemorySettings(input_price=price, output_price=price, **fields)
    return Asker(
        name="scripted",
        settings=settings,
        ai=AiSettings(daily_budget=budget),
        model=model or ScriptedModel(answers or (SAID,)),
        store=Store(folder / "ai.db"),
        redactor=Redactor(known),
        ledger=ledger or memory_ledger(),
        clock=clock or FakeClock(),
        tz="UTC",
        actor="person:test",
    )


def most(asker: Asker, text: str = "text") -> Decimal:
    """Return the most that asking about `text` can cost."""
    return asker.plan(PROMPT, text, Word).most
