"""Models behind one port: typed answers, no tools, a budget that holds, and nothing private in the ledger."""

from steersman.ai.asker import Asked, Asker, Plan
from steersman.ai.ports import Answer, Model, Question
from steersman.ai.prompts import Prompt
from steersman.ai.redaction import Redactor

__all__ = ["Answer", "Asked", "Asker", "Model", "Plan", "Prompt", "Question", "Redactor"]
