"""`[model.NAME]` with `kind = "memory"`."""

from __future__ import annotations

from steersman.ai.settings import ModelSettings


class MemorySettings(ModelSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model that says what stands here. `answers` are JSON texts, given in turn; the last one is given for ever."""

    kind: str = "memory"
    answers: tuple[str, ...] = ()
