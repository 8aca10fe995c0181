"""What other limits would have done: the recorded signals decided again, and the book that follows from it."""

from steersman.trading.whatif.alternative import read_changes
from steersman.trading.whatif.history import names_in
from steersman.trading.whatif.replay import Question, replay
from steersman.trading.whatif.report import Report

__all__ = ["Question", "Report", "names_in", "read_changes", "replay"]
