"""Instructions as files beside the code that uses them; the version is their content, so none can be forgotten."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import Final

import msgspec

_VERSION_DIGITS: Final = 12


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """Instructions for a model, by name."""

    name: str
    text: str

    @property
    def version(self) -> str:
        """12 hex digits of the SHA-256 of the text: another text is another version, and another cache."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:_VERSION_DIGITS]


def load(package: str, name: str) -> Prompt:
    """Return the instructions in `<package>/<name>.md`, e.g. `steersman.content.llm.prompts`, `proofread`."""
    text = files(package).joinpath(f"{name}.md").read_text(encoding="utf-8")
    return Prompt(name=name, text=text.strip())
