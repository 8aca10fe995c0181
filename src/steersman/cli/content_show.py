"""`steersman content show`: one piece as its reviewer needs it: findings, remarks, changes since the last round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steersman.cli.content_review import Draft
from steersman.cli.content_words import shortened, stage_word, word
from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit
from steersman.cli.terminal import plain
from steersman.kernel.plurals import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.text import Text

    from steersman.bootstrap.pieces import Remark, View
    from steersman.content.model.finding import Finding
    from steersman.content.review.changes import Hunk

_LABELS = {"moved on": "changed: settles as fixed with the next round", "fixed": "fixed: please look"}


def show(draft: Draft, directory: Dir = HERE, as_json: AsJson = False) -> None:
    """Show a piece: what the first pass found, what people said, what changed since the last decision."""
    from steersman.bootstrap import pieces  # `--help` needs no domain
    from steersman.bootstrap.content import actor, checker

    now: dict[str, Finding] = {}
    with opened(directory, [draft]) as desk:
        name = pieces.name_of(desk, draft)
        view = pieces.look(desk, name)
        if view is not None and view.findings and not as_json:
            now = pieces.said_now(desk, name, lambda: checker(desk, actor=actor()))
    if view is not None:
        emit(as_json, view, lambda: _show(view, now))


def _show(view: View, now: Mapping[str, Finding]) -> None:
    out = console()
    for line in (*_head(view), *_findings(view, now), *_remarks(view), *_changes(view)):
        out.print(line)
    follow = _next(view)
    if follow:
        out.print(f"next: {follow}", markup=False)


def _next(view: View) -> str:
    card = view.card
    if view.text is None:
        return f"steersman content unpublish {card.draft} takes its posts away" if card.url else ""
    if not view.checked and card.stage in ("draft", "checked"):
        return f"steersman content check {card.draft}"
    if not view.checked and card.stage == "in review":
        return f"steersman content review {card.draft} asks again, about the file as it is now"
    if any(finding.status == "open" for finding in view.findings) and card.stage in ("draft", "checked"):
        return f"steersman content fix --ask {card.draft}, or content reject FINGERPRINT where a finding is none"
    return {
        "checked": f"steersman content review {card.draft}, or content publish {card.draft}",
        "in review": f"steersman content approve {card.draft}, remark --at LINE, or return",
        "approved": f"steersman content publish {card.draft}",
    }.get(card.stage, "")


def _head(view: View) -> Iterator[Text]:
    from rich.text import Text  # only the human form needs it

    card = view.card
    yield Text.assemble((plain(card.title).plain, "bold"), "  ", stage_word(card.stage))
    facts = [
        card.draft,
        card.type,
        counted(card.words, "word"),
        f"round {card.round}" if card.round else "no review yet",
    ]
    yield Text("  " + " · ".join(fact for fact in facts if fact), style="dim")
    if card.why:
        yield Text(f"  {plain(card.why)}")


def _findings(view: View, now: Mapping[str, Finding]) -> Iterator[Text]:
    from rich.text import Text  # as above

    yield Text("\nFirst pass", style="bold")
    if not view.checked:
        yield Text("  has not seen this version")
        return
    if not view.findings:
        yield Text("  found nothing")
    for finding in view.findings:
        tier = finding.severity if finding.status == "open" else finding.status
        excerpt = " ".join((view.text or "")[finding.start : finding.end].split())
        yield Text.assemble(
            f"  {finding.line}:{finding.column}  ", word(tier), (f"  {finding.rule}  ", "dim"), f"“{_cut(excerpt)}”"
        )
        said = view.judged.get(finding.fingerprint)
        verdict = f", you said it is {'right' if said == 'accepted' else 'none'}" if said else ""
        fresh = now.get(finding.fingerprint)
        message = finding.message if fresh is None else fresh.message
        yield Text.assemble(f"    {plain(message)}", (f"  ({finding.fingerprint}{verdict})", "dim"))
        if fresh is not None and fresh.suggestions:
            instead = ", ".join(repr(one) if one else "remove it" for one in fresh.suggestions)
            yield Text(f"    → {plain(instead)}", style="green")


def _remarks(view: View) -> Iterator[Text]:
    from rich.text import Text  # as above

    shown = [remark for remark in view.remarks if remark.row.status == "open" or remark.is_new]
    if not shown:
        return
    yield Text("\nRemarks", style="bold")
    for remark in shown:
        yield from _remark(remark)


def _remark(remark: Remark) -> Iterator[Text]:
    from rich.text import Text  # as above

    row = remark.row
    where = "whole piece" if remark.is_note else f"line {remark.line or row.line}"
    label = _LABELS.get(remark.now, remark.now)
    yield Text.assemble(
        f"  {row.id[:8]}  {where}  ", (f"{row.category}  round {row.round}  ", "dim"), (label, "yellow")
    )
    if remark.quote:
        yield Text(f"    “{_cut(' '.join(remark.quote.split()))}”", style="dim")
    yield Text(f"    {plain(remark.text or 'its words are not kept on this machine')}")


def _changes(view: View) -> Iterator[Text]:
    from rich.text import Text  # as above

    if view.against is None:
        if view.waits:
            yield Text("\nFirst round: all of it is new", style="bold")
        return
    yield Text(f"\nChanged since round {view.against}", style="bold")
    if view.changes is None:
        yield Text("  cannot be told: the text of that version is not kept on this machine")
    elif not view.changes:
        yield Text("  nothing")
    for hunk in view.changes or ():
        yield _hunk(hunk)


def _hunk(hunk: Hunk) -> Text:
    """Return a changed place with marks that need no colour: [-gone-] {+new+}."""
    from rich.text import Text  # as above

    shown = Text(f"  {hunk.line}  ")
    for segment in hunk.segments:
        words = plain(" ".join(segment.text.split())).plain
        if segment.kind == "gone":
            shown.append(f"[-{words}-]", style="red")
        elif segment.kind == "new":
            shown.append(f"{{+{words}+}}", style="green")
        else:
            shown.append(words)
        shown.append(" " if words and segment.text[-1:].isspace() else "" if words else " ")
    return shown


def _cut(words: str) -> str:
    return shortened(plain(words).plain)
