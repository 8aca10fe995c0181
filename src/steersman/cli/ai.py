"""`steersman ai`: which models may be asked, what they cost today, and what is remembered of their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steersman.cli.context import HERE, AsJson, Dir, noun, opened
from steersman.cli.output import console, emit, show_table
from steersman.kernel.plurals import counted

if TYPE_CHECKING:
    from steersman.ai.settings import ModelSettings
    from steersman.ai.store import Spent

app = noun("Language models: which may be asked, what they cost today, and their answers on this disk.")


@app.command()
def status(directory: Dir = HERE, as_json: AsJson = False) -> None:
    """Show models, prices, today's budget and the cache. Asks no model."""
    from zoneinfo import ZoneInfo  # `--help` needs neither

    from steersman.ai.money import amount
    from steersman.ai.store import Store
    from steersman.kernel.clock import utc

    with opened(directory) as desk:
        declared, store = desk.workspace.ai, Store(desk.workspace.models)
        day = utc(desk.clock.now_ns()).astimezone(ZoneInfo(desk.workspace.desk.tz)).date().isoformat()
        spent = {one.model: one for one in store.by_model(day)}
        total, answers = amount(store.spent(day)), store.answers()
    ai = declared.ai
    facts = {
        "remote": ai.remote, "currency": ai.currency, "daily_budget": ai.budget, "day": day, "spent": total,
        "left": max(ai.budget - total, amount(0)), "answers": answers,
        "models": [_row(name, settings, spent.get(name)) for name, settings in declared.models.items()],
    }  # fmt: skip
    emit(as_json, facts, lambda: _show(facts))


def _row(name: str, settings: ModelSettings, spent: Spent | None) -> dict[str, Any]:
    from steersman.ai.money import amount  # as above

    return {
        "model": name, "provider_model": settings.provider_model, "address": settings.address,
        "is_local": settings.is_local, "input_price": settings.input_price, "output_price": settings.output_price,
        "calls": spent.calls if spent else 0, "unsettled": spent.open if spent else 0,
        "input_tokens": spent.input_tokens if spent else 0, "output_tokens": spent.output_tokens if spent else 0,
        "cost": amount(spent.cost if spent else 0),
    }  # fmt: skip


def _show(facts: dict[str, Any]) -> None:
    from steersman.ai.money import shown  # as above

    out = console()
    show_table(
        "",
        [("model", "left"), ("is", "left"), ("where", "left"), ("per M in/out", "right"), ("calls", "right"),
         ("tokens", "right"), ("cost", "right")],
        [
            [r["model"], r["provider_model"], "here" if r["is_local"] else r["address"].partition("//")[2],
             f"{r['input_price'] or 0}/{r['output_price'] or 0}", r["calls"],
             r["input_tokens"] + r["output_tokens"], shown(r["cost"])]
            for r in facts["models"]
        ],
        empty="no models yet: write [model.local] into steersman.toml (docs/reference/ai.md)",
    )  # fmt: skip
    leave = "may leave this machine" if facts["remote"] else "stay on this machine"
    out.print(f"texts {leave}; {counted(facts['answers'], 'answer')} remembered", markup=False)
    out.print(
        f"today {shown(facts['spent'])} of {shown(facts['daily_budget'])} {facts['currency']} spent", markup=False
    )
    for row in facts["models"]:
        if row["unsettled"]:
            out.print(
                f"{counted(row['unsettled'], 'call')} to {row['model']} never came back: counted in full",
                markup=False,
            )


@app.command()
def forget(directory: Dir = HERE, as_json: AsJson = False) -> None:
    """Delete the remembered answers: they quote drafts. What was spent stays on record."""
    from steersman.ai.store import Store  # as above

    with opened(directory) as desk:
        number = Store(desk.workspace.models).forget()
    emit(
        as_json, {"forgotten": number}, lambda: console().print(f"{counted(number, 'answer')} forgotten", markup=False)
    )
