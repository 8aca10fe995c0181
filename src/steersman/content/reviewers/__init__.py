"""Opinions from outside: who is asked, what became of it, and the scores that can stop a post."""

from steersman.content.reviewers.panel import Panel, Reviewed, Sending
from steersman.content.reviewers.scores import CATEGORY, ScoreGate, latest_scores

__all__ = ["CATEGORY", "Panel", "Reviewed", "ScoreGate", "Sending", "latest_scores"]
