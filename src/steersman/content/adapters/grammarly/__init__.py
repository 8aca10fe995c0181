"""Grammarly's Writing Score API, version 2: scores without places, as trend data and as a gate."""

from steersman.content.adapters.grammarly.reviewer import create

__all__ = ["create"]
