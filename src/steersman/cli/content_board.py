"""`steersman content board`: every piece by stage, from draft to measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steersman.cli.content_words import no_drafts, stage_word
from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit
from steersman.cli.terminal import plain
from steersman.kernel.plurals import counted

if TYPE_CHECKING:
    from rich.text import Text

    from steersman.bootstrap.pieces import Card


def board(directory: Dir = HERE, as_json: AsJson = False) -> None:
    """Show every piece by stage: how long it waits there, what is open, when it is due, where it is out."""
    from steersman.bootstrap.pieces import board as look  # `--help` needs no domain

    with opened(directory) as desk:
        cards = look(desk)
        now = desk.clock.now_ns()
        folder = desk.workspace.content.qa.folder
    emit(as_json, cards, lambda: _show(cards, now, folder))


def _show(cards: list[Card], now_ns: int, folder: str) -> None:
    from rich.padding import Padding  # only the human form needs it
    from rich.text import Text

    out = console()
    if not cards:
        out.print(no_drafts(folder), markup=False)
        return
    before = ""
    for card in cards:
        if card.stage != before:
            here = sum(other.stage == card.stage for other in cards)
            if before:
                out.print()
            out.print(stage_word(card.stage), f"({here})", markup=False)
            before = card.stage
        out.print(_line(card, now_ns), soft_wrap=True)
        for note in (card.why, card.url):
            if note:
                # An address is left whole, so that a terminal makes a link of it.
                whole = "://" in note
                shown = Text(plain(note).plain, style="dim", overflow="ignore" if whole else None, no_wrap=whole)
                out.print(Padding(shown, (0, 0, 0, 4), expand=False))
    waiting = sum(card.waits_for_person for card in cards)
    if waiting:
        out.print()
        out.print(f"{counted(waiting, 'piece')} for you to read: steersman content show DRAFT", markup=False)


def _line(card: Card, now_ns: int) -> Text:
    from rich.text import Text  # only the human form needs it

    from steersman.kernel.durations import spoken

    parts = [card.type] if card.type else []
    parts += [f"round {card.round}"] if card.round else []
    parts += [spoken(max(0, now_ns - card.since) // 10**9)] if card.since else []
    found = ((card.gates, "gate"), (card.warnings, "warning"), (card.infos, "note"), (card.remarks, "remark"))
    parts += [counted(number, what) for number, what in found if number]
    parts += [f"{'OVERDUE' if card.overdue else 'due'} {card.wall.replace('T', ' ')}"] if card.wall else []
    return Text.assemble("  ", plain(card.draft), ("  " + ", ".join(parts), "dim"))
