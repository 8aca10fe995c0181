"""What was validated once need not be again: a receipt names a source, its content and the rules it was held to."""

from __future__ import annotations

import msgspec


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of validating a source.

    Attributes:
        source: where the data is, e.g. a file below the workspace.
        content: sha256 of its bytes.
        rules: digest of everything the outcome depends on besides them: the code of the rules, and the settings.
        items: the number of the last item that was validated; what comes behind it was not.
        refused: by the number of the item, why it may not be used.
    """

    source: str
    content: str
    rules: str
    items: int
    refused: dict[int, str]

    def covers(self, *, source: str, content: str, rules: str) -> bool:
        """Say whether this is the receipt of that content of that source under those rules."""
        return (self.source, self.content, self.rules) == (source, content, rules)
