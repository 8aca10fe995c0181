"""`[voice]`: whose sentences a draft is compared with."""

from __future__ import annotations

import msgspec

from steersman.kernel.toml_file import TomlFile


class VoiceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[voice]`: advice only; nothing here can stop a post."""

    enabled: bool = True


def read(file: TomlFile) -> VoiceSettings:
    """Decode and check `[voice]`.

    Raises:
        Misconfigured: names file, line, field, what was found and what is allowed.
    """
    return file.section(("voice",), VoiceSettings)
