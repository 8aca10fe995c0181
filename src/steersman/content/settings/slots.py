"""`[slots]`: when posts may go out, and how much of that is left to chance so that something can be learned."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from steersman.content.settings.channels import ChannelSettings
from steersman.kernel.toml_file import TomlFile


class SlotSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[slots]`; what stands in `[slots.channel.NAME]` wins for that channel.

    Attributes:
        hours: of the day in the desk's zone in which posts may go out, e.g. "08:00-20:00".
        weekdays: allowed days.
        min_gap: shortest span between two posts of a channel.
        daily_cap: most posts a day and channel.
        random_ratio: share of posts (0..1) whose slot is drawn, so that lift can be estimated.
        seed: of that draw.
    """

    hours: tuple[str, ...] = ("08:00-20:00",)
    weekdays: tuple[str, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    min_gap: str = "4h"
    daily_cap: int = 3
    random_ratio: float = 0.2
    seed: int = 1


def read(file: TomlFile, channels: Mapping[str, ChannelSettings]) -> SlotSettings:
    """Decode and check `[slots]`.

    Raises:
        Misconfigured: names file, line, field, what was found and what is allowed.
    """
    return file.section(("slots",), SlotSettings)
