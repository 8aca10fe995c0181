"""`[ai]` and `[model.NAME]`: which models may be asked, where they are, and what they may cost in a day."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

import msgspec

from steersman.ai.money import Price
from steersman.kernel.durations import seconds
from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile

SECTIONS: Final = ("ai", "model")
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_MOST_TOKENS: Final = 64_000
_LONGEST_S: Final = 600.0
Problem = tuple[str, str, str]


class AiSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[ai]`: what holds for all models.

    Attributes:
        remote: whether texts may leave this machine; as long as it is false, a model elsewhere is refused.
        daily_budget: the most that all models together may cost in a day of the desk, in `currency`.
        model: the one to ask where none is named.
        redact: words of the operator's own (account numbers, names of clients) that are never sent.
    """

    remote: bool = False
    daily_budget: str = "0"
    currency: str = "USD"
    model: str = ""
    redact: tuple[str, ...] = ()

    @property
    def budget(self) -> Decimal:
        return Decimal(self.daily_budget)


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every model may say.

    Attributes:
        kind: the adapter.
        input_price, output_price: per million tokens, in the currency of `[ai]`; needed where the model is elsewhere.
        max_output_tokens: of one answer; what a call can cost is bounded by it.
        timeout: span for the whole answer.
    """

    kind: str
    input_price: str | None = None
    output_price: str | None = None
    max_output_tokens: int = 4000
    timeout: str = "2m"

    @property
    def address(self) -> str:
        """Where texts go; empty: they stay in this process."""
        return ""

    @property
    def is_local(self) -> bool:
        """Whether texts stay on this machine."""
        return True

    @property
    def provider_model(self) -> str:
        """What the provider calls it."""
        return self.kind

    @property
    def price(self) -> Price:
        return Price(input=Decimal(self.input_price or 0), output=Decimal(self.output_price or 0))

    @property
    def timeout_s(self) -> float:
        return seconds(self.timeout)

    def problems(self, root: Path) -> Iterator[Problem]:
        """Yield (field, what was found and what is allowed, fix) for each value that cannot be used."""
        for field in ("input_price", "output_price"):
            value = getattr(self, field)
            if value is not None and not _is_amount(value):
                yield field, f"found {value!r}, allowed: an amount per million tokens", f'write {field} = "0.15"'
        if not 1 <= self.max_output_tokens <= _MOST_TOKENS:
            yield (
                "max_output_tokens",
                f"found {self.max_output_tokens}, allowed: 1 to {_MOST_TOKENS}",
                "write max_output_tokens = 4000",
            )
        try:
            is_short = 0 < self.timeout_s <= _LONGEST_S
        except ValueError:
            is_short = False
        if not is_short:
            yield "timeout", f"found {self.timeout!r}, allowed: a span of at most 10m", 'write timeout = "2m"'


ModelType = Callable[[str], type[ModelSettings]]


class Models(msgspec.Struct, frozen=True, kw_only=True):
    """Both sections, checked."""

    ai: AiSettings = AiSettings()
    models: dict[str, ModelSettings] = {}

    def named(self, name: str = "") -> tuple[str, ModelSettings]:
        """Return the model `name`; without one, that of `[ai] model`, or the only one there is.

        Raises:
            Misconfigured: none of that name, or none at all.
        """
        only = next(iter(self.models)) if len(self.models) == 1 else ""
        chosen = name or self.ai.model or only
        if chosen in self.models:
            return chosen, self.models[chosen]
        declared = ", ".join(self.models) or "none"
        found = f"there is no model {chosen!r}" if chosen else "no model is chosen"
        raise Misconfigured(
            f"{found}; declared in steersman.toml: {declared}",
            fix='name one, or declare it: [model.local] kind = "pydantic_ai", base_url, model'
            if self.models
            else 'write [model.local] with kind = "pydantic_ai", model = "..." and its base_url (docs/reference/ai.md)',
        )


def read(file: TomlFile, root: Path, model_type: ModelType) -> Models:
    """Decode and check `[ai]` and `[model.*]`.

    Raises:
        Misconfigured: names file, line, field, what was found and what is allowed.
    """
    ai = file.section(("ai",), AiSettings)
    if not _is_amount(ai.daily_budget):
        raise file.error(
            ("ai", "daily_budget"),
            f"found {ai.daily_budget!r}, allowed: an amount in {ai.currency}",
            fix='write e.g. daily_budget = "1.50"',
        )
    if any(not word.strip() for word in ai.redact):
        raise file.error(("ai", "redact"), "found an empty word", fix="take it out")
    models = {name: _model(file, root, name, ai, model_type) for name in file.section(("model",), dict[str, Any])}
    if ai.model and ai.model not in models:
        raise file.error(
            ("ai", "model"), f"found {ai.model!r}, allowed: {', '.join(models) or 'none is declared'}", fix="name one"
        )
    return Models(ai=ai, models=models)


def _model(file: TomlFile, root: Path, name: str, ai: AiSettings, model_type: ModelType) -> ModelSettings:
    here = ("model", name)
    if not _NAME.fullmatch(name):
        raise file.error(here, "a name is a small letter, then small letters, digits, - or _", fix="rename it")
    model = file.section(here, file.kind_type(here, model_type, "pydantic_ai"))
    for field, problem, fix in model.problems(root):
        raise file.error((*here, field), problem, fix=fix)
    if not model.is_local and not ai.remote:
        raise file.error(
            here,
            f"it is at {model.address}, and texts may not leave this machine",
            fix="write [ai] remote = true if they may, or give it a base_url on this machine",
        )
    if not model.is_local and (model.input_price is None or model.output_price is None):
        raise file.error(
            here,
            "its prices are missing, so that no cost could be shown and no budget held",
            fix='write input_price = "..." and output_price = "..." (per million tokens) from the provider\'s list',
        )
    return model


def _is_amount(text: str) -> bool:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return False
    return value.is_finite() and 0 <= value <= 1_000_000
