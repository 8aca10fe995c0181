"""The operator's own instructions, read to any configured model."""

from steersman.content.adapters.instructions.reviewer import create

__all__ = ["create"]
