"""`[content]`, `[channel.NAME]` and what else content is told in steersman.toml; refused with its line when wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from steersman.content.settings import channels, qa, review, reviewers, slots, voice
from steersman.content.settings.channels import ChannelSettings, ChannelType
from steersman.content.settings.qa import GATES, QaSettings
from steersman.content.settings.review import ReviewSettings
from steersman.content.settings.reviewers import ReviewerSettings, ReviewerType
from steersman.content.settings.slots import SlotSettings
from steersman.content.settings.voice import VoiceSettings
from steersman.kernel.toml_file import TomlFile

__all__ = [
    "GATES",
    "SECTIONS",
    "ChannelSettings",
    "ChannelType",
    "ContentSettings",
    "QaSettings",
    "ReviewSettings",
    "ReviewerSettings",
    "ReviewerType",
    "SlotSettings",
    "VoiceSettings",
    "read",
]

SECTIONS: Final = ("content", "channel", "review", "reviewer", "slots", "voice")


class ContentSettings(msgspec.Struct, frozen=True, kw_only=True):
    """All sections, checked."""

    qa: QaSettings
    channels: dict[str, ChannelSettings]
    review: ReviewSettings
    slots: SlotSettings
    voice: VoiceSettings
    reviewers: dict[str, ReviewerSettings]


def read(file: TomlFile, root: Path, channel_type: ChannelType, reviewer_type: ReviewerType) -> ContentSettings:
    """Decode and check every section of content.

    Raises:
        Misconfigured: names file, line, field, what was found and what is allowed.
    """
    declared = channels.read(file, root, channel_type)
    return ContentSettings(
        qa=qa.read(file, root),
        channels=declared,
        review=review.read(file),
        slots=slots.read(file, declared),
        voice=voice.read(file),
        reviewers=reviewers.read(file, root, reviewer_type),
    )
