"""What a language model may say about a draft: remarks that quote it, and nothing that changes it by itself."""

from steersman.content.llm.checker import Costs, LlmChecker, Outcome
from steersman.content.llm.telling import costs_line, outcome_notes
from steersman.content.llm.variants import Suggested, suggest

__all__ = ["Costs", "LlmChecker", "Outcome", "Suggested", "costs_line", "outcome_notes", "suggest"]
