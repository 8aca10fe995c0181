"""One objection of the house style."""

from __future__ import annotations

from steersman.content.model.finding import Found


def found(span: tuple[int, int], rule: str, category: str, message: str, suggestions: tuple[str, ...] = ()) -> Found:
    """Return a finding of the house style."""
    return Found(
        start=span[0],
        end=span[1],
        source="style",
        rule=rule,
        category=category,
        message=message,
        suggestions=suggestions,
    )
