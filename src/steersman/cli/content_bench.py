"""`steersman content bench`: a history replayed against the first pass and its peers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.context import AsJson
from steersman.cli.output import console, emit, show_table
from steersman.kernel.errors import Misconfigured
from steersman.kernel.plurals import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from steersman.content.replay.corpus import Corpus
    from steersman.content.replay.score import Figure, Score


def bench(
    path: Annotated[Path, typer.Argument(metavar="REPO|EDITS", help="A git repository, or a file of edits (.jsonl).")],
    commits: Annotated[int, typer.Option(min=1, max=100_000, help="Of a repository: the last so many.")] = 2000,
    words: Annotated[
        int, typer.Option(min=100, max=10_000_000, help="Of its text as it is now: about so many.")
    ] = 20_000,
    peers: Annotated[bool, typer.Option(help="Beside codespell, installed once in a place of its own.")] = True,
    as_json: AsJson = False,
) -> None:
    """Replay what was fixed, in the order of time: what the first pass would have found before, and what it costs.

    At each step the author's words and the verdicts on rules are those of then. Needs no workspace; writes nothing.
    """
    from steersman.bench.prose import contestants  # engines and peers: `--help` needs none
    from steersman.content.replay.run import replay
    from steersman.content.replay.score import score

    corpus = _corpus(path, commits, words)
    taking_part, notes = contestants(corpus, peers=peers)
    played = replay(corpus, taking_part, _progress("replaying"))
    scores = [score(one, part) for part in ("all", "earlier", "later") for one in played]
    fixes = [fix for round_ in corpus.rounds for fix in round_.fixes]
    data = {
        "corpus": corpus.name,
        "rounds": sum(bool(round_.fixes) for round_ in corpus.rounds),
        "fixes": len(fixes),
        "edits": sum(len(fix.edits) for fix in fixes),
        "published_words": sum(length for _, length in played[0].words),
        "notes": notes,
        "scores": scores,
    }
    emit(as_json, data, lambda: _show(data, scores, notes))


def _corpus(path: Path, commits: int, words: int) -> Corpus:
    from steersman.content.replay.corpus import read_corpus  # as above
    from steersman.content.replay.history import Bounds, read_history

    if not path.exists():
        raise Misconfigured(f"there is no {path}", fix="name a git repository, or a file of edits (.jsonl)")
    corpus = (
        read_history(path, Bounds(commits=commits, words=words), _progress("reading"))
        if path.is_dir()
        else read_corpus(path)
    )
    if not any(round_.fixes for round_ in corpus.rounds):
        raise Misconfigured(
            f"{path} has no fixes of prose to replay",
            fix="a fix is a line of a Markdown file with at most three places changed; try a longer history",
        )
    return corpus


def _progress(doing: str) -> Callable[[int, int], None]:
    """Return a reporter that writes to stderr, on a terminal in place, elsewhere every quarter."""

    def tell(done: int, of: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{doing} {done} of {of}" + ("\n" if done == of else ""))
        elif done == of or done % max(1, of // 4) == 0:
            sys.stderr.write(f"{doing} {done} of {of}\n")
        sys.stderr.flush()

    return tell


def _show(data: dict[str, object], scores: list[Score], notes: list[str]) -> None:
    out = console()
    out.print(
        f"{data['corpus']}: {counted(int(str(data['rounds'])), 'commit')}, {counted(int(str(data['edits'])), 'edit')}, "
        f"{int(str(data['published_words'])):,} published words",
        markup=False,
    )
    for part, title in (("all", "the whole history"), ("later", "its later half")):
        out.print()
        out.print(title, style="bold", markup=False)
        _table([one for one in scores if one.part == part])
    out.print(
        "\nmistakes, objective: share of edits that a flag met, of how many (mistakes are spelling, wrong words, "
        "agreement; objective is all but wording). flags: on 1,000 published words. at 5: objective edits met by the "
        "surest 5 flags per 1,000 words. exact: the first suggestion is what was written. rounds: commits of mistakes "
        "only whose every edit was met. 95% intervals and classes of edits: --json",
        style="dim",
        markup=False,
    )
    for note in notes:
        out.print(f"not measured: {note}", markup=False)


def _table(scores: list[Score]) -> None:
    show_table(
        "",
        [("", "left"), ("mistakes", "right"), ("objective", "right"), ("flags", "right"), ("at 5", "right"),
         ("exact", "right"), ("rounds", "right")],
        [
            [
                one.name,
                _share(one.recall["mistakes"]),
                _share(one.recall["objective"]),
                "-" if one.flags_per_1000.value is None else f"{one.flags_per_1000.value:.1f}",
                _bare(one.recall_at["5"]),
                _bare(one.exact.value),
                _share(one.typo_rounds),
            ]
            for one in scores
        ],
        empty="nobody took part",
    )  # fmt: skip


def _share(figure: Figure) -> str:
    return "-" if figure.value is None else f"{_bare(figure.value)}/{figure.of}"


def _bare(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}".removeprefix("0") if value < 1 else "1"
