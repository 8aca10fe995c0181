"""Decisions about signals that wait for a person: how they are named. The events are those of policy/approvals.py."""

from __future__ import annotations


def trade_approval(signal_id: str) -> str:
    """Return the id of the hold on a signal; its stream is `approval/<signal_id>`."""
    return f"trade/{signal_id}"
