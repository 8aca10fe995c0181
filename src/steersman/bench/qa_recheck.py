"""How long an author waits: one paragraph of a draft of 1,500 words is edited and saved, and checked again."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from steersman.bench.measure import row_of
from steersman.bench.row import Row, not_measured
from steersman.bootstrap.content import checker
from steersman.bootstrap.desk import open_desk
from steersman.content.qa.watch import Watcher
from steersman.kernel.errors import Misconfigured

TARGET_MS: Final = 50.0
_WORDS: Final = 1500
_EDITS: Final = 40
_NAME: Final = "content/draft.md"
_NOUNS: Final = ("desk", "ledger", "report", "morning", "reader", "script", "number", "question", "market", "table")
_VERBS: Final = ("keeps", "moves", "explains", "follows", "changes", "holds", "answers", "shows")
_ENDS: Final = ("before the day begins", "without a word", "with `code` in it", "[as it says](https://example.org/a)")


def rows() -> list[Row]:
    """Return the time of a warm check after one paragraph was edited, with Harper alone and with both engines."""
    return [_row("Harper", deep=False), _row("both engines", deep=True)]


def _row(engines: str, *, deep: bool) -> Row:
    metric = f"warm re-check of a paragraph, {engines}"
    try:
        with tempfile.TemporaryDirectory() as folder:
            times = _measure(Path(folder), deep=deep)
    except Misconfigured as exc:
        return not_measured("qa", metric, "ms", TARGET_MS, f"{exc.message}; {exc.fix}")
    return row_of("qa", metric, times, "ms", at_most=TARGET_MS)


def _measure(root: Path, *, deep: bool) -> list[float]:
    """Return CPU milliseconds of reading, checking and comparing after each of some edits."""
    settings = f"[content]\ndeep = {'true' if deep else 'false'}\n"
    (root / "steersman.toml").write_text(settings, encoding="utf-8")
    (root / "content").mkdir()
    draw = random.Random(7)
    paragraphs = _paragraphs(draw)
    desk = open_desk(root)
    try:
        first_pass = checker(desk, actor="person:bench")
        watcher = Watcher(
            root=root,
            settings=first_pass.settings,
            names=lambda: [_NAME],
            findings=first_pass.findings,
            clock=desk.clock,
        )
        _save(root, paragraphs)
        watcher.look()
        return [_edit(root, paragraphs, draw, watcher.look) for _ in range(_EDITS)]
    finally:
        desk.close()


def _edit(root: Path, paragraphs: list[str], draw: random.Random, look: Callable[[], object]) -> float:
    paragraphs[draw.randrange(len(paragraphs))] = _paragraph(draw)
    _save(root, paragraphs)
    began = time.process_time_ns()
    look()
    return (time.process_time_ns() - began) / 1e6


def _save(root: Path, paragraphs: list[str]) -> None:
    text = "---\ntitle: A draft\nsummary: What it is about.\n---\n\n" + "\n\n".join(paragraphs) + "\n"
    (root / _NAME).write_text(text, encoding="utf-8")


def _paragraphs(draw: random.Random) -> list[str]:
    made: list[str] = []
    while sum(len(one.split()) for one in made) < _WORDS:
        made.append(_paragraph(draw))
    return made


def _paragraph(draw: random.Random) -> str:
    return " ".join(
        f"The {draw.choice(_NOUNS)} {draw.choice(_VERBS)} the {draw.choice(_NOUNS)} of the {draw.choice(_NOUNS)} "
        f"{draw.choice(_ENDS)}."
        for _ in range(6)
    )
