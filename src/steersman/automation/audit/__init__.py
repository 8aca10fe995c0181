"""Scripts read, not run: what they do twice or show, which limits they lack, and the edit that mends it."""

from steersman.automation.audit.examine import Examined, examine
from steersman.automation.audit.headline import TITLES, headline
from steersman.automation.audit.history import History, mean_bytes, recorded
from steersman.automation.audit.markdown import markdown
from steersman.automation.audit.model import CODES, Code, Cost, Finding, NotRead, Place, Report
from steersman.automation.audit.page import page

__all__ = [
    "CODES",
    "TITLES",
    "Code",
    "Cost",
    "Examined",
    "Finding",
    "History",
    "NotRead",
    "Place",
    "Report",
    "examine",
    "headline",
    "markdown",
    "mean_bytes",
    "page",
    "recorded",
]
