"""`steersman content suggest`: other titles and summaries for a draft, from a model; printed, never applied."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit


def suggest(
    draft: Annotated[Path, typer.Argument(metavar="DRAFT", help="A Markdown file of the workspace.")],
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="A [model.NAME], not the usual one.")] = "",
    show_prompt: Annotated[
        bool, typer.Option("--show-prompt", help="Print what would be sent to the model, and send nothing.")
    ] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Ask a model for five titles and three summaries; what says more than the draft is dropped."""
    from steersman.ai.money import shown  # `--help` needs no domain
    from steersman.ai.prompts import load
    from steersman.bootstrap.content import actor
    from steersman.bootstrap.reviewing import PROMPTS, asker
    from steersman.content.drafts import find_draft, read_draft
    from steersman.content.llm import suggest as ask_for
    from steersman.content.llm.variants import plan

    with opened(directory, [draft]) as desk:
        root, settings = desk.workspace.root, desk.workspace.content.qa
        read = read_draft(root, find_draft(root, settings, draft), settings)
        asked = asker(desk, model or settings.llm, actor=actor())
        planned = plan(asked, load(PROMPTS, "variants"), read)
        if show_prompt:
            sent = {"instructions": planned.question.instructions, "text": planned.question.text}
            emit(as_json, sent, lambda: print(f"{sent['instructions']}\n\n{sent['text']}"))
            return
        unit = asked.ai.currency
        where = "on this machine" if asked.settings.is_local else f"at {asked.settings.address}"
        cost = f"about {shown(planned.likely)}, at most {shown(planned.most)} {unit}" if planned.most else "free"
        console(error=True).print(f"{asked.name} {where}: {cost}", markup=False, style="dim", soft_wrap=True)
        offered = ask_for(asked, planned, read)

    def render() -> None:
        out = console()
        for heading, lines, now in (
            ("titles", offered.titles, read.title),
            ("summaries", offered.summaries, read.summary or "none"),
        ):
            out.print(f"{heading} (now: {now})", markup=False, style="bold")
            for line in lines:
                out.print(f"  {line}  [{len(line)}]", markup=False)
            if not lines:
                out.print("  none that says only what the draft says", markup=False)
        for reason, count in sorted(offered.dropped.items()):
            out.print(f"{count} dropped: {reason}", markup=False, style="dim")
        out.print(f"cost {shown(offered.cost)} {unit}; nothing was changed", markup=False, style="dim")

    emit(as_json, offered, render)
