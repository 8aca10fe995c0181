"""What the operator decides about rules. Stream `content/learning`."""

from __future__ import annotations

import msgspec

RULE_SILENCED = "content.rule.silenced"
RULE_RESET = "content.rule.reset"
STREAM = "content/learning"


class RuleDecided(msgspec.Struct, frozen=True, kw_only=True):
    """`silenced`: the rule says nothing any more, whatever its tier. `reset`: nothing is known of it, and it speaks."""

    rule: str
    at: int
