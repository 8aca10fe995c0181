"""`steersman content voice`: how the author writes, and where a draft sounds otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit, show_table
from steersman.kernel.errors import Misconfigured
from steersman.kernel.plurals import counted

if TYPE_CHECKING:
    from steersman.content.voice import Comparison, Corpus

_TOO_LITTLE = (
    "not enough text of your own: 1,500 words make a profile; publish more, or name older files in [voice] corpus"
)


def voice(
    paths: Annotated[list[Path] | None, typer.Argument(metavar="DRAFTS", help="None: show the profiles.")] = None,
    svg: Annotated[Path | None, typer.Option("--svg", help="Write the picture of one draft to this file.")] = None,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Compare drafts with the author's own voice: advice with reasons, never a gate."""
    from steersman.bootstrap.first_pass import corpus  # `--help` needs no domain
    from steersman.content.drafts import find_drafts, read_draft

    with opened(directory, paths) as desk:
        own = corpus(desk)
        if not paths:
            _profiles(own, as_json=as_json)
            return
        root, qa = desk.workspace.root, desk.workspace.content.qa
        drafts = [read_draft(root, name, qa) for name in find_drafts(root, qa, paths)]
        said = [_compared(own, draft) for draft in drafts]
    if svg is not None:
        _draw(svg, said)

    def render() -> None:
        for row, comparison in said:
            _show(row, comparison)

    emit(as_json, [row for row, _ in said], render)


def _profiles(own: Corpus, *, as_json: bool) -> None:
    from steersman.content.voice.features import STYLE, names

    types = sorted({text.type for text in own.texts.values()})
    rows: list[dict[str, Any]] = []
    for type_ in types:
        profile = own.profile(type_)
        usual = {} if profile is None else dict(zip(names(), profile.mean, strict=True))
        rows.append(
            {"type": type_, "texts": sum(t.type == type_ for t in own.texts.values()), "windows": own.windows(type_),
             "profile": None if profile is None else profile.type or "all types",
             "usual": {name: round(usual[name], 2) for name in STYLE if name in usual}}
        )  # fmt: skip

    def render() -> None:
        show_table(
            "",
            [("type", "left"), ("texts", "right"), ("windows", "right"), ("profile of", "left"), ("sentences", "left")],
            [
                [
                    row["type"],
                    row["texts"],
                    row["windows"],
                    row["profile"] or "-",
                    f"{row['usual']['sentence_words']:.0f} words" if row["usual"] else "",
                ]
                for row in rows
            ],
            empty=_TOO_LITTLE,
        )
        if rows and all(row["profile"] is None for row in rows):
            console().print(_TOO_LITTLE, markup=False)
        for name, reason in own.skipped:
            console(error=True).print(f"left out {name}: {reason}", markup=False)

    emit(as_json, rows, render)


def _compared(own: Corpus, draft: Any) -> tuple[dict[str, Any], Comparison | None]:
    from steersman.content.voice import compare
    from steersman.content.voice.corpus import text_of

    vectors = text_of(draft).vectors
    profile = own.profile(draft.type, without=draft.name) if vectors else None
    why = ""
    if not draft.language.lower().startswith("en"):
        profile, why = None, f"it is in {draft.language}: the words that are counted are English"
    elif not vectors:
        why = f"{counted(draft.words, 'word')}: a voice needs 100 at least"
    elif profile is None:
        why = _TOO_LITTLE
    said = None if profile is None else compare(vectors, profile)
    row: dict[str, Any] = {"draft": draft.name, "type": draft.type, "windows": len(vectors), "why_not": why}
    if said is not None and profile is not None:
        row |= {
            "profile": profile.type or "all types",
            "profile_words": profile.words,
            "nearer_ratio": round(said.nearer_ratio, 3),
            "is_unlike": said.is_unlike,
            "reasons": [{"feature": r.feature, "says": r.words, "value": r.value, "usual": r.usual, "low": r.low,
                         "high": r.high} for r in said.reasons],
        }  # fmt: skip
    return row, said


def _show(row: dict[str, Any], said: Comparison | None) -> None:
    from steersman.content.voice.picture import bar

    out = console()
    if said is None:
        out.print(f"{row['draft']}  not compared: {row['why_not']}", markup=False)
        return
    verdict = "unlike you" if said.is_unlike else "sounds like you"
    out.print(
        f"{row['draft']}  {verdict}: {said.nearer_ratio:.0%} of your own text is nearer to the rest of it "
        f"({counted(row['windows'], 'window')} against {row['profile_words']:,} words of {row['profile']})",
        markup=False,
    )
    for reason in said.reasons:
        out.print(f"  {reason.words}\n    {bar(reason)}", markup=False)
    if said.reasons:
        out.print("    = where 90% of yours is, | your usual, o this draft", style="dim", markup=False)


def _draw(path: Path, said: list[tuple[dict[str, Any], Comparison | None]]) -> None:
    from steersman.content.voice.picture import svg

    row, comparison = said[0] if len(said) == 1 else ({}, None)
    if comparison is None:
        raise Misconfigured("--svg draws one draft that was compared", fix="name one draft of 100 words or more")
    path.write_text(svg(comparison.reasons, f"The voice of {row['draft']}"), encoding="utf-8")
