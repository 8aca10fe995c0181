"""Find the words a model quotes in the draft itself: exactly, whatever the white space and the form of quotation marks.

What is not found is not believed; what is found twice needs words around it that are found once.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from steersman.content.model.mask import Span

Missing = Literal["not found", "ambiguous", "empty"]
_LONGEST: Final = 600
# One for one, so that places in the levelled text are places in the text.
_LEVELLED: Final = str.maketrans(
    {
        "‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "“": '"', "”": '"', "„": '"', "″": '"', "«": '"', "»": '"',
        "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "−": "-",
        "\u00a0": " ", "\u2007": " ", "\u202f": " ", "\u2009": " ", "\t": " ", "\ufeff": " ",
    }
)  # fmt: skip


def level(text: str) -> str:
    """Return `text` with typographic quotes, dashes and spaces as their plain forms; as long as before."""
    return text.translate(_LEVELLED)


def locate(levelled: str, quote: str, context: str, start: int, end: int) -> Span | Missing:
    """Return where `quote` stands in `levelled[start:end]`, or why it has no place.

    Args:
        levelled: the draft, through `level`.
        context: words around the quote, itself included; used only where the quote stands more than once.
    """
    form = _form(quote)
    if form is None:
        return "empty"
    places = [Span(*m.span()) for m in form.finditer(levelled, start, end)]
    if len(places) == 1:
        return places[0]
    if not places:
        return "not found"
    around = _form(context)
    frames = [Span(*m.span()) for m in around.finditer(levelled, start, end)] if around is not None else []
    inside = [p for p in places for frame in frames if frame.start <= p.start and p.end <= frame.end]
    return inside[0] if len(inside) == 1 else "ambiguous"


def _form(quote: str) -> re.Pattern[str] | None:
    words = level(quote).split()
    if not words or len(quote) > _LONGEST:
        return None
    pattern = r"\s+".join(re.escape(word) for word in words)
    # A quote of "a" is the word, not the letter in another one.
    before = r"(?<!\w)" if words[0][0].isalnum() else ""
    after = r"(?!\w)" if words[-1][-1].isalnum() else ""
    return re.compile(f"{before}{pattern}{after}")
