"""A LanguageTool server, by URL."""

from steersman.content.adapters.languagetool.reviewer import create

__all__ = ["create"]
