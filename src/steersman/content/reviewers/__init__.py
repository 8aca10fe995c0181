"""Opinions from outside: who is asked, what became of it, and the scores that can stop a post."""

from steersman.content.reviewers.panel import Panel, Reviewed, Sending
from steersman.content.reviewers.scores import CATEGORY, Said, ScoreGate, last_said, latest_scores

__all__ = ["CATEGORY", "Panel", "Reviewed", "Said", "ScoreGate", "Sending", "last_said", "latest_scores"]
