"""`[voice]`: whose sentences a draft is compared with."""

from __future__ import annotations

import msgspec

from steersman.kernel.toml_file import TomlFile


class VoiceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[voice]`: advice only; nothing here can stop a post.

    Attributes:
        enabled: say in a check where a draft sounds unlike its author.
        corpus: files of the workspace, by pattern, that are the author's too, e.g. "archive/**/*.md"; published
            drafts always are.
    """

    enabled: bool = True
    corpus: tuple[str, ...] = ()


def read(file: TomlFile) -> VoiceSettings:
    """Decode and check `[voice]`.

    Raises:
        Misconfigured: names file, line, field, what was found and what is allowed.
    """
    voice = file.section(("voice",), VoiceSettings)
    for pattern in voice.corpus:
        if not pattern.strip() or pattern.startswith("/") or ".." in pattern.split("/"):
            raise file.error(
                ("voice", "corpus"),
                f"found {pattern!r}, allowed: patterns of files inside the workspace",
                fix='write e.g. corpus = ["archive/**/*.md"]',
            )
    return voice
